-- name: start
insert into clocks (subject, kind, due_at) values (%(subject)s, %(kind)s, %(due_at)s)
on conflict (subject, kind) do update set due_at = excluded.due_at, state = 'running';

-- name: keep
-- A clock that always runs: started where there is none, and again where its job was lost for good.
insert into clocks (subject, kind, due_at) values (%(subject)s, %(kind)s, %(now)s)
on conflict (subject, kind) do update set due_at = excluded.due_at, state = 'running'
where clocks.state <> 'running' and clocks.due_at < %(lost_before)s;

-- name: stop
update clocks set state = 'stopped' where subject = %(subject)s and (%(kind)s::text is null or kind = %(kind)s);

-- name: take_due
with due as materialized (
    select subject, kind from clocks where state = 'running' and due_at <= %(now)s
    order by due_at limit 20 for update skip locked
)
update clocks set state = 'fired' from due where clocks.subject = due.subject and clocks.kind = due.kind
returning clocks.subject, clocks.kind, clocks.due_at;

-- name: running
select kind, due_at from clocks where subject = %(subject)s and state = 'running' order by due_at, kind;

-- name: purge
delete from clocks where due_at < %(before)s and state <> 'running';

-- name: overdue
select exists (select 1 from clocks where state = 'running' and due_at <= %(now)s);

-- name: goes_on
select exists (
    select from clocks where subject = %(subject)s and kind = %(kind)s
        and (state = 'running' or due_at >= %(lost_before)s)
);
