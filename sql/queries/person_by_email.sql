-- The customer of an e-mail address; Auth stores addresses in lower case.
select id::text as id, email, created_at from auth.users where email = lower(%(email)s) and deleted_at is null;
