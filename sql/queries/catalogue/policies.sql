-- The row-level policies of stored files: those of `cvs` let each user use a folder of their own.
-- runbook: Verify RLS policies
select policyname, cmd, roles::text as roles, qual, with_check
from pg_policies
where schemaname = 'storage' and tablename = 'objects'
order by policyname
