-- name: put
insert into people (id, name, standing, member_of, checked_at)
values (%(id)s, %(name)s, %(standing)s, %(member_of)s, %(checked_at)s)
on conflict (id) do update
set name = excluded.name, standing = excluded.standing, member_of = excluded.member_of, checked_at = excluded.checked_at
where people.checked_at <= excluded.checked_at;

-- name: forget
delete from people where id = %(id)s;

-- name: get
select id, name, standing, member_of, checked_at from people where id = %(id)s;
