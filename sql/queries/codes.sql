-- Exemption codes that can still be used, the freest first.
select code, tier, interviews, remaining_uses, expires_at
from exemption_codes
where remaining_uses > 0 and (expires_at is null or expires_at > now())
order by remaining_uses desc, code
limit 5;
