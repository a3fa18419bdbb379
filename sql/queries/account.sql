-- The account of an e-mail address, as the product's database has it; Auth stores addresses in lower case.
select u.id::text as id, u.email, u.created_at, u.email_confirmed_at as confirmed_at, u.last_sign_in_at, u.banned_until,
       coalesce(u.raw_app_meta_data -> 'providers', '[]') as providers,
       (select count(*) from auth.sessions s where s.user_id = u.id) as signed_in
from auth.users u
where u.email = lower(%(email)s) and u.deleted_at is null;
