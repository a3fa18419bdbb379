-- Run only inside an approved change: see sql/product/005_payments.sql.
select ilab.grant_sessions(%(request)s, %(items)s::jsonb, %(note)s::jsonb) as result;
