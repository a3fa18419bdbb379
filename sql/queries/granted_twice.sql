-- Stripe sessions that were granted more than once: the unique index begins after them.
select count(*) as sessions
from (select 1 from entitlements where stripe_session_id is not null
      group by stripe_session_id having count(*) > 1) twice;
