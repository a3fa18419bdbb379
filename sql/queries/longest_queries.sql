-- What works or holds a transaction open now, the oldest first. Without pg_monitor other roles' words are hidden.
select pid, coalesce(usename, '') as who, coalesce(application_name, '') as program, state,
       coalesce(wait_event_type, '') as waits_for,
       extract(epoch from clock_timestamp() - coalesce(query_start, xact_start))::float as seconds,
       extract(epoch from clock_timestamp() - xact_start)::float as in_transaction,
       coalesce(query, '') as query
from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid() and state <> 'idle'
order by coalesce(xact_start, query_start)
limit %(most)s;
