-- Which of the files of sql/product that the operations bot needs have run here.
select to_regprocedure('ilab.grant_interviews(text, uuid, integer, text, jsonb, text, integer, jsonb)') is not null
           as "004_ilab",
       to_regprocedure('ilab.grant_sessions(text, jsonb, jsonb)') is not null as "005_payments",
       to_regprocedure('ilab.traces(uuid, text)') is not null as "006_erasure",
       to_regclass('ilab.migrations') is not null as "006_migrations",
       to_regprocedure('ilab.revoke_entitlements(text, jsonb, jsonb)') is not null as "007_revocations";
