-- Who waits for a lock, for how long, and who holds it.
select waiting.pid, pg_blocking_pids(waiting.pid) as held_by,
       extract(epoch from clock_timestamp() - waiting.query_start)::float as seconds,
       coalesce(waiting.query, '') as query,
       coalesce((select holding.state from pg_stat_activity holding
                 where holding.pid = (pg_blocking_pids(waiting.pid))[1]), '') as holder_state,
       coalesce((select holding.query from pg_stat_activity holding
                 where holding.pid = (pg_blocking_pids(waiting.pid))[1]), '') as holder_query
from pg_stat_activity waiting
where cardinality(pg_blocking_pids(waiting.pid)) > 0
order by waiting.query_start
limit %(most)s;
