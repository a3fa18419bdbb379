-- name: all
select name, state, result, error, attempts, started_at, again from steps where subject = %(subject)s;

-- name: start
insert into steps (subject, name, state, started_at) values (%(subject)s, %(name)s, 'started', %(at)s)
on conflict (subject, name) do update
set state = 'started', attempts = steps.attempts + 1, started_at = excluded.started_at, error = null,
    again = false;

-- name: finish
update steps set state = 'done', result = %(result)s, error = null where subject = %(subject)s and name = %(name)s;

-- name: fail
update steps set state = 'failed', error = %(error)s, again = %(again)s
where subject = %(subject)s and name = %(name)s;

-- name: bring
-- Recorded without the database; what is done here already stays done.
insert into steps (subject, name, state, result, error, again, started_at)
values (%(subject)s, %(name)s, %(state)s, %(result)s, %(error)s, %(again)s, %(started_at)s)
on conflict (subject, name) do update
set state = excluded.state, result = excluded.result, error = excluded.error, again = excluded.again,
    started_at = excluded.started_at
where steps.state <> 'done';

-- name: forget
delete from steps where subject = %(subject)s and name = any(%(names)s);
