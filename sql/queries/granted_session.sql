-- Whether a Stripe checkout session has been granted.
select count(*)::int as granted from entitlements where stripe_session_id = %(session)s;
