-- The largest tables, with about how many rows they have and when they were last vacuumed.
select s.schemaname || '.' || s.relname as table, pg_size_pretty(pg_total_relation_size(s.relid)) as size,
       s.n_live_tup as rows, s.n_dead_tup as dead_rows, greatest(s.last_vacuum, s.last_autovacuum) as vacuumed
from pg_stat_user_tables s
order by pg_total_relation_size(s.relid) desc
