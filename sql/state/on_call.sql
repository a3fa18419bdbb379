-- name: lock
select pg_advisory_xact_lock(hashtext('ilab.on_call'));

-- name: all
select * from on_call order by level, name;

-- name: clear
delete from on_call;

-- name: add
insert into on_call (level, person, name, email, phone, starts_at, ends_at, following, seen_at, changed_at, replaced)
values (%(level)s, %(person)s, %(name)s, %(email)s, %(phone)s, %(starts_at)s, %(ends_at)s, %(following)s, %(seen_at)s,
    %(changed_at)s, %(replaced)s);
