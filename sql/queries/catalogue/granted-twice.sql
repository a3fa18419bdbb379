-- Stripe sessions that have more than one entitlement.
select e.stripe_session_id, count(*) as times, sum(e.remaining_interviews) as left, min(u.email) as email,
       max(e.created_at) as newest
from entitlements e
join auth.users u on u.id = e.user_id
where e.stripe_session_id is not null
group by e.stripe_session_id
having count(*) > 1
order by max(e.created_at) desc
