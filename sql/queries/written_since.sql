-- What has been written since a moment: what a restore to that moment loses.
select
    (select count(*) from auth.users where created_at > %(since)s)::int as signups,
    (select count(*) from entitlement_history where action = 'purchase' and created_at > %(since)s)::int as purchases,
    (select count(*) from entitlement_history where action = 'grant' and created_at > %(since)s)::int as grants,
    (select count(*) from sessions where created_at > %(since)s)::int as interviews,
    (select count(*) from turns where created_at > %(since)s)::int as answers;
