-- Sign-ups by day, and how many of them confirmed the address.
-- :since age = 14d  How far back.
select (u.created_at at time zone 'utc')::date as day, count(*) as signups, count(u.email_confirmed_at) as confirmed
from auth.users u
where u.created_at >= %(now)s - %(since)s
group by 1
order by 1 desc
