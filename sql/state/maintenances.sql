-- name: lock_all
-- Two that overlap must not both find the time free.
select pg_advisory_xact_lock(hashtextextended('ilab.maintenances', 0));

-- name: add
insert into maintenances (key, what, start_at, end_at, offline, migration, asked_by)
values (%(key)s, %(what)s, %(start_at)s, %(end_at)s, %(offline)s, %(migration)s, %(asked_by)s)
on conflict (key) do nothing;

-- name: by_key
select * from maintenances where key = %(key)s;

-- name: get
select * from maintenances where id = %(id)s;

-- name: lock
select * from maintenances where id = %(id)s for update;

-- name: open
select * from maintenances where state in ('scheduled', 'running', 'watching') order by start_at;

-- name: latest
select * from maintenances order by start_at desc limit 20;

-- name: running
select * from maintenances where state = 'running';

-- name: move
update maintenances set
    state = %(state)s,
    started_at = coalesce(started_at, %(started_at)s),
    finished_at = coalesce(finished_at, %(finished_at)s),
    ended_at = %(ended_at)s,
    reason = %(reason)s
where id = %(id)s;

-- name: extend
update maintenances set end_at = %(end_at)s where id = %(id)s;

-- name: note
update maintenances set note = %(note)s where id = %(id)s;

-- name: tell
update maintenances set told = told || %(told)s where id = %(id)s;
