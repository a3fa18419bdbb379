-- Whether a Stripe checkout session has been granted: by the webhook, or by hand with the session in the history.
select (
    (select count(*) from entitlements where stripe_session_id = %(session)s)
    + (select count(*) from entitlement_history where action = 'grant' and metadata ->> 'stripe_session_id' = %(session)s)
)::int as granted;
