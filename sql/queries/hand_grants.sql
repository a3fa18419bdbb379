-- What was given by hand without a Stripe session of its own, to people or for sessions that the history names. The
-- runbook's own INSERT for free interviews leaves no history at all.
select e.id::text as id, e.user_id::text as person, e.created_at, e.status, e.remaining_interviews as left,
       coalesce(h.metadata ->> 'stripe_session_id', '') as session, coalesce(h.metadata ->> 'reason', '') as reason
from entitlements e
left join entitlement_history h on h.entitlement_id = e.id and h.action = 'grant'
where e.stripe_session_id is null
  and e.type = 'interview_package'
  and (e.user_id = any(%(people)s::uuid[]) or h.metadata ->> 'stripe_session_id' = any(%(sessions)s))
order by e.created_at;
