-- Run only inside an approved change: see sql/product/007_revocations.sql.
select ilab.revoke_entitlements(%(request)s, %(items)s::jsonb, %(note)s::jsonb) as result;
