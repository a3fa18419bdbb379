-- The Stripe checkout sessions by which a customer has paid: at Stripe they may go by another address.
select distinct session from (
    select stripe_session_id as session from entitlements where user_id = %(person)s::uuid
    union all
    select metadata ->> 'stripe_session_id' from entitlement_history where user_id = %(person)s::uuid
) found
where session is not null
order by session
limit 100;
