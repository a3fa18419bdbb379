-- Who may do what with files, by the rules on storage.objects, and whether the rules count at all.
-- The runbook's `storage.policies` does not exist: a rule names its bucket in its expression, or stands for all.
select p.policyname as name, p.cmd as command, p.permissive = 'PERMISSIVE' as permissive, p.roles::text[] as roles,
       coalesce(p.qual, '') || ' ' || coalesce(p.with_check, '') as expression, c.relrowsecurity as enforced
from pg_class c
left join pg_policies p on p.schemaname = 'storage' and p.tablename = 'objects'
where c.oid = 'storage.objects'::regclass
order by p.cmd, p.policyname;
