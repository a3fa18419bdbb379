-- Addresses that somebody may have meant: the same name at another domain, or a name that begins alike at the same one.
select u.email
from auth.users u
where u.deleted_at is null and (
    split_part(u.email, '@', 1) = split_part(lower(%(email)s), '@', 1)
    or (
        split_part(u.email, '@', 2) = split_part(lower(%(email)s), '@', 2)
        and left(u.email, 3) = left(lower(%(email)s), 3)
    )
)
order by u.created_at desc
limit 200;
