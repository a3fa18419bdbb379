-- What was bought, given by hand, given back and revoked; newest first. Of one customer, or of all where none is named.
select h.created_at, h.action, h.new_balance, u.email, coalesce(e.tier, '') as tier,
       coalesce(e.stripe_session_id, h.metadata ->> 'stripe_session_id', '') as session,
       coalesce(h.metadata ->> 'reason', '') as reason,
       coalesce((h.metadata ->> 'manual')::boolean, false) as by_hand
from entitlement_history h
join auth.users u on u.id = h.user_id
join entitlements e on e.id = h.entitlement_id
where h.action in ('purchase', 'grant', 'refund', 'revoke')
  and (%(email)s::text = '' or u.email = lower(%(email)s::text))
order by h.created_at desc
limit %(most)s;
