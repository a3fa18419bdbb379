-- What a customer holds: each entitlement with its tier, what is left, and its status.
-- runbook: Check user entitlements
-- :email email  The customer's e-mail address.
select u.email, e.tier, e.remaining_interviews, e.status, e.type, e.created_at, e.expires_at
from auth.users u
left join entitlements e on e.user_id = u.id
where u.email = %(email)s and u.deleted_at is null
order by e.created_at desc
