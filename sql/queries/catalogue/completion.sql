-- Interviews by day and how they ended; the share completed is of those that have ended.
-- :since age = 14d  How far back.
select (s.created_at at time zone 'utc')::date as day, count(*) as begun,
       count(*) filter (where s.status = 'completed') as completed,
       count(*) filter (where s.status = 'abandoned') as abandoned,
       count(*) filter (where s.status = 'failed') as failed,
       round(100.0 * count(*) filter (where s.status = 'completed')
             / nullif(count(*) filter (where s.status <> 'in_progress'), 0), 1) as completed_percent
from sessions s
where s.created_at >= %(now)s - %(since)s
group by 1
order by 1 desc
