-- name: add
insert into tasks (incident, key, said, kind, owner, due_at, since, added_by, added_at)
values (%(incident)s, %(key)s, %(said)s, %(kind)s, %(owner)s, %(due_at)s, %(at)s, %(by)s, %(at)s)
on conflict (key) do nothing
returning *;

-- name: get
select * from tasks where id = %(id)s;

-- name: lock
select * from tasks where id = %(id)s for update;

-- name: by_key
select * from tasks where key = %(key)s;

-- name: of
select * from tasks where incident = %(incident)s order by id;

-- name: open
select * from tasks where state = 'open' order by due_at nulls last, id limit 200;

-- name: open_of
select * from tasks where state = 'open' and owner = %(owner)s order by due_at nulls last, id limit 200;

-- name: save
update tasks set kind = %(kind)s, owner = %(owner)s, due_at = %(due_at)s, since = %(since)s, state = %(state)s,
    ended_by = %(ended_by)s, ended_at = %(ended_at)s, ended_why = %(ended_why)s
where id = %(id)s;
