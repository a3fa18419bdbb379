-- name: lock
-- Two requests of one person at once must not both find room for one more.
select pg_advisory_xact_lock(hashtextextended('ilab.tokens ' || %(person)s, 0));

-- name: issue
-- The same request asked again gets a new secret for the same token: the old one was never seen.
insert into tokens (person, label, hash, request, created_at)
values (%(person)s, %(label)s, %(hash)s, %(request)s, %(at)s)
on conflict (request) do update set hash = excluded.hash
returning id;

-- name: use
update tokens set used_at = %(at)s where hash = %(hash)s and revoked_at is null returning id, person, label;

-- name: list
select id, label, created_at, used_at from tokens where person = %(person)s and revoked_at is null order by id;

-- name: bearers
select distinct person from tokens where revoked_at is null order by person;

-- name: revoke
update tokens set revoked_at = %(at)s where id = %(id)s and person = %(person)s and revoked_at is null returning label;

-- name: count
select count(*) from tokens where person = %(person)s and request <> %(request)s and revoked_at is null;
