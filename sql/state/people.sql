-- name: put
insert into people (id, name, standing, member_of, checked_at, email)
values (%(id)s, %(name)s, %(standing)s, %(member_of)s, %(checked_at)s, %(email)s)
on conflict (id) do update
set name = excluded.name, standing = excluded.standing, member_of = excluded.member_of, checked_at = excluded.checked_at,
    email = excluded.email
where people.checked_at <= excluded.checked_at;

-- name: forget
delete from people where id = %(id)s;

-- name: get
select id, name, standing, member_of, checked_at, email from people where id = %(id)s;

-- name: named
select id from people where lower(name) = lower(%(name)s) order by id;

-- name: introduce
insert into people (id, name, standing, member_of, checked_at) values (%(id)s, %(name)s, 'member', '{}', %(at)s)
on conflict (id) do nothing;
