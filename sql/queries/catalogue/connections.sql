-- Who holds the connections: by role and program, and how many of them work.
select coalesce(usename, '') as role, coalesce(application_name, '') as program, count(*) as connections,
       count(*) filter (where state = 'active') as at_work,
       count(*) filter (where state like 'idle in transaction%%') as idle_in_transaction
from pg_stat_activity
where backend_type = 'client backend'
group by 1, 2
order by 3 desc
