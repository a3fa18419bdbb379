-- The newest interviews, of everybody.
-- runbook: View recent interview sessions
-- :since age = 7d  How far back.
select s.created_at, s.mode, s.status, s.plan_tier, u.email, s.id
from sessions s
join auth.users u on u.id = s.user_id
where s.created_at >= %(now)s - %(since)s
order by s.created_at desc
