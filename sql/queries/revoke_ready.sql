-- Whether the product's database holds what a revocation needs: sql/product/004_ilab.sql and 007_revocations.sql.
select to_regprocedure('ilab.revoke_entitlements(text, jsonb, jsonb)') is not null as ready;
