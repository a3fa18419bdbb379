-- What was bought, granted, given back or revoked for a customer. (Runbook: View payment history; manual grants, too.)
select h.created_at, h.action, h.new_balance, e.tier, e.type, h.metadata ->> 'stripe_session_id' as session,
       coalesce((h.metadata ->> 'amount')::int, 0) as cents,
       count(*) over () as total
from entitlement_history h
join entitlements e on e.id = h.entitlement_id
where h.user_id = %(person)s::uuid and h.action <> 'consume'
order by h.created_at desc
limit 6;
