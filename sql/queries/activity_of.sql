-- A customer's latest interviews with the questions answered in each. (Runbook: View User Activity.)
-- The page is cut before the turns are counted: somebody may have had thousands of interviews.
select s.id::text as id, s.created_at, s.mode, s.status, s.job_title, s.company_name,
       (select count(t.answer) from turns t where t.session_id = s.id)::int as answered,
       (select count(t.error) from turns t where t.session_id = s.id)::int as failed
from (
    select * from sessions where user_id = %(person)s::uuid order by created_at desc, id limit %(most)s
) s
order by s.created_at desc, s.id;
