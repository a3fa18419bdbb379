-- Whether the product's database holds what a grant needs: sql/product/004_ilab.sql.
select to_regprocedure('ilab.grant_interviews(text, uuid, integer, text, jsonb, text, integer, jsonb)') is not null as ready;
