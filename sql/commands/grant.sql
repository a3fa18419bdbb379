-- Run only inside an approved change: see sql/product/004_ilab.sql.
select ilab.grant_interviews(
    %(request)s, %(person)s::uuid, %(interviews)s, %(tier)s, %(perks)s::jsonb, %(session)s, %(balance)s, %(note)s::jsonb
) as result;
