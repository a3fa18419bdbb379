-- The database says when something is wanted or due, so that no copy waits for its next look. Heard or not, all is in the
-- tables: whoever does not listen finds it there a little later.
create function ilab_news() returns trigger language plpgsql as $$
begin
    perform pg_notify('ilab_news', tg_table_name);
    return null;
end $$;

create trigger posts_news after insert or update of state on posts
    for each row when (new.state = 'wanted') execute function ilab_news();
create trigger cards_news after insert or update of wanted on cards
    for each row when (new.wanted > new.shown) execute function ilab_news();
create trigger clocks_news after insert or update of due_at, state on clocks
    for each row when (new.state = 'running') execute function ilab_news();
