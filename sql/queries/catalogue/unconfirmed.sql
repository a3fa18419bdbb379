-- Who has signed up and not confirmed the address.
-- :since age = 7d  How far back.
select u.created_at, u.email, u.confirmation_sent_at
from auth.users u
where u.email_confirmed_at is null and u.deleted_at is null and u.created_at >= %(now)s - %(since)s
order by u.created_at desc
