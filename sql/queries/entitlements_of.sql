-- What a customer may use, and what they could: the active first, then the newest. (Runbook: Check user entitlements.)
select type, tier, status, remaining_interviews as remaining, perks, expires_at, created_at,
       stripe_session_id is not null as bought,
       status = 'active' and remaining_interviews > 0 and (expires_at is null or expires_at > now()) as usable,
       count(*) over () as total
from entitlements
where user_id = %(person)s::uuid
order by status = 'active' desc, created_at desc
limit 8;
