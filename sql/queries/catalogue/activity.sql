-- A customer's interviews, each with how many questions were answered.
-- runbook: View User Activity
-- :email email  The customer's e-mail address.
select s.created_at, s.mode, s.status, s.job_title, s.company_name, count(t.id) as questions_answered
from auth.users u
join sessions s on s.user_id = u.id
left join turns t on t.session_id = s.id
where u.email = %(email)s and u.deleted_at is null
group by s.id
order by s.created_at desc
