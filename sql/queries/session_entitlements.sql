-- What the product holds for Stripe checkout sessions: a row an entitlement, oldest first.
select e.id::text as id, e.stripe_session_id as session, e.user_id::text as person, e.created_at, e.status, coalesce(e.tier, '') as tier,
       e.remaining_interviews as left
from entitlements e
where e.stripe_session_id = any(%(sessions)s)
order by e.created_at;
