-- Exemption codes: what they give, how often they can still be used, and until when.
select c.code, c.tier, c.interviews, c.remaining_uses, c.expires_at,
       case when c.remaining_uses = 0 then 'used up' when c.expires_at < %(now)s then 'expired' else 'valid' end as state
from exemption_codes c
order by c.created_at desc
