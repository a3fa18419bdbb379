-- What was given by hand: by whom, why, and how much of it is left.
-- :since age = 30d  How far back.
select h.created_at, u.email, h.new_balance, e.remaining_interviews as left,
       coalesce(h.metadata ->> 'requested_by', h.metadata ->> 'granted_by', '') as by, h.metadata ->> 'reason' as reason
from entitlement_history h
join auth.users u on u.id = h.user_id
join entitlements e on e.id = h.entitlement_id
where h.action = 'grant' and h.created_at >= %(now)s - %(since)s
order by h.created_at desc
