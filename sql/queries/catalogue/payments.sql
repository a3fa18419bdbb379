-- What was bought, newest first.
-- runbook: View payment history
-- :since age = 30d  How far back.
select eh.created_at, eh.action, eh.new_balance, u.email, e.tier, e.stripe_session_id
from entitlement_history eh
join auth.users u on u.id = eh.user_id
join entitlements e on e.id = eh.entitlement_id
where eh.action = 'purchase' and eh.created_at >= %(now)s - %(since)s
order by eh.created_at desc
