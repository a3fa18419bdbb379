-- The tables whose rows a dump holds: all but the system's and those that belong to an extension.
select n.nspname::text as schema, c.relname::text as name
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r'
  and c.relpersistence = 'p'
  and n.nspname <> 'information_schema'
  and n.nspname !~ '^pg_'
  and n.nspname <> all (%(left_out)s)
  and not exists (
      select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
order by 1, 2;
