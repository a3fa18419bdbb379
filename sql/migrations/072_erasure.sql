-- Deleting a customer.

-- The address while a deletion is under way: once the account is gone nobody else knows what is still to be looked for.
-- It goes with the row.
alter table customers add column address text;

-- What was deleted, proven and not reached; without personal data, so that it may be kept.
create table certificates (
    request bigint      primary key references requests (id),
    at      timestamptz not null,
    body    jsonb       not null,
    sha256  text        not null                -- of the body's canonical text
);

-- What happened in an incident stays as it was, but for a customer's address in it once they are deleted: the law wins.
create or replace function timeline_refuse() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and current_setting('ilab.erasing', true) = 'on' then
        return new;
    end if;
    raise exception 'the timeline is append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end $$;
