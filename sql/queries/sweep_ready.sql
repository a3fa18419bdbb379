-- Whether the product's database holds what a sweep needs: sql/product/004_ilab.sql and 005_payments.sql.
select to_regprocedure('ilab.grant_sessions(text, jsonb, jsonb)') is not null as ready;
