-- How the interviews of the last hour went, of everybody's.
select count(*)::int as started, count(*) filter (where status = 'failed')::int as failed, max(created_at) as last_at
from sessions
where created_at > now() - interval '1 hour';
