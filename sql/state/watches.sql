-- name: start
-- One watch a channel: asking again moves its end.
insert into watches (channel, person, request, started_at, until, seen)
values (%(channel)s, %(person)s, %(request)s, %(at)s, %(until)s, %(seen)s)
on conflict (channel) where ended_at is null do update set until = excluded.until, person = excluded.person
returning id, (xmax <> 0) as extended;

-- name: by_request
select id, until from watches where request = %(request)s;

-- name: get
select id, channel, person, started_at, until, seen, changes from watches
where id = %(id)s and ended_at is null for update;

-- name: note
update watches set seen = %(seen)s, changes = changes + %(announced)s where id = %(id)s;

-- name: end_in
update watches set ended_at = %(at)s where channel = %(channel)s and ended_at is null returning id, changes;

-- name: end
update watches set ended_at = %(at)s where id = %(id)s and ended_at is null;
