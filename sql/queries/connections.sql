-- How many connections the product's database holds, how many of them work, and how many it can hold at most.
-- numbackends is readable by every role; of other roles' sessions, state is NULL without pg_monitor, so that
-- "active" counts only what this role may see.
SELECT
    (SELECT sum(numbackends)::int FROM pg_stat_database)                       AS total,
    (SELECT count(*)::int FROM pg_stat_activity WHERE state = 'active')        AS active,
    current_setting('max_connections')::int                                    AS maximum
