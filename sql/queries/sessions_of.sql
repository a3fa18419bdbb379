-- How many interviews a customer has had, by how they ended, and when the last one was.
select status, count(*)::int as count, max(created_at) as last_at
from sessions
where user_id = %(person)s::uuid
group by status
order by count(*) desc;
