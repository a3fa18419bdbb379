-- What the operations bot asks before a customer is deleted, and again afterwards: where a person has left something.
-- Runs after 001; reads only; safe to run again.

create schema if not exists ilab;

-- Every way by which rows belong to an account: foreign keys that lead to auth.users, over any number of tables as long
-- as deleting goes on (cascade). `condition` is true of the rows of the account $1. `action` is that of the last key:
-- c cascade, n and d set to null or the default, a no action, r restrict.
create or replace function ilab.ways_to_accounts()
returns table (relation oid, condition text, action text, way text) language sql stable as $$
    with recursive keys as (
        select c.oid, c.conrelid, c.confrelid, c.confdeltype::text as action,
               (select string_agg(format('%I', a.attname), ', ' order by k.ord)
                from unnest(c.conkey) with ordinality as k (num, ord)
                join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.num) as columns,
               (select string_agg(format('%I', a.attname), ', ' order by k.ord)
                from unnest(c.confkey) with ordinality as k (num, ord)
                join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.num) as targets
        from pg_constraint c
        where c.contype = 'f' and c.conparentid = 0
    ),
    ways as (
        select k.conrelid as relation,
               format('(%s) in (select %s from auth.users where id = $1)', k.columns, k.targets) as condition,
               k.action, k.columns as way, array[k.oid] as passed
        from keys k
        where k.confrelid = 'auth.users'::regclass
        union all
        select k.conrelid,
               format('(%s) in (select %s from %s where %s)', k.columns, k.targets, w.relation::regclass, w.condition),
               k.action, k.columns || ' → ' || w.relation::regclass || '.' || w.way, w.passed || k.oid
        from ways w
        join keys k on k.confrelid = w.relation
        where w.action = 'c' and not k.oid = any (w.passed) and cardinality(w.passed) < 12
    )
    select w.relation, w.condition, w.action, w.way from ways w
$$;

-- How many rows a person has in each table, and what becomes of them when the account is deleted:
--   goes     deleted with it
--   stays    stays, without its reference to the account
--   holds    holds the deletion back: the key has no cascade
--   address  holds the e-mail address alone, so that nothing deletes it: text columns that are called like an e-mail
--   hidden   our role may not read it, or row-level security hides rows from it; `rows` is then null
create or replace function ilab.traces(person uuid, address text)
returns table (relation text, kind text, way text, rows bigint) language plpgsql stable as $$
declare
    ours record;
    mail record;
begin
    for ours in
        select w.relation as id,
               case when w.action = 'c' then 'goes' when w.action in ('n', 'd') then 'stays' else 'holds' end as what,
               string_agg(w.condition, ' or ') as condition,
               string_agg(distinct w.way, '; ') as ways,
               bool_or(w.action = 'r') as at_once,
               (select string_agg(g.condition, ' or ') from ilab.ways_to_accounts() g
                where g.relation = w.relation and g.action = 'c') as gone
        from ilab.ways_to_accounts() w
        group by w.relation, 2
    loop
        relation := ours.id::regclass::text;
        kind := ours.what;
        way := ours.ways;
        begin
            if row_security_active(ours.id) then
                kind := 'hidden';
                rows := null;
            else
                -- what goes by another key leaves no reference to clear, and holds nothing back but under RESTRICT
                execute format('select count(*) from %s where (%s)', relation, ours.condition)
                    || case when ours.what = 'goes' or ours.gone is null or ours.at_once then ''
                            else format(' and (%s) is not true', ours.gone) end
                    into rows using person;
            end if;
        exception when insufficient_privilege then
            kind := 'hidden';
            rows := null;
        end;
        return next;
    end loop;
    for mail in
        select c.oid as id, string_agg(a.attname, ', ' order by a.attnum) as columns,
               string_agg(format('%I::text ilike $2', a.attname), ' or ') as condition,
               (select string_agg(g.condition, ' or ') from ilab.ways_to_accounts() g
                where g.relation = c.oid and g.action = 'c') as gone
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        join pg_type t on t.oid = a.atttypid
        where c.relkind in ('r', 'p') and not c.relispartition and c.oid <> 'auth.users'::regclass
          and n.nspname !~ '^(pg_|information_schema$)'
          and ((a.attname ~* 'mail' and t.typname in ('text', 'varchar', 'bpchar', 'citext', 'name'))
               -- Auth's own record of what was done, which it does not clean
               or (n.nspname = 'auth' and c.relname = 'audit_log_entries' and a.attname = 'payload'))
        group by c.oid
    loop
        relation := mail.id::regclass::text;
        kind := 'address';
        way := mail.columns;
        begin
            if row_security_active(mail.id) then
                kind := 'hidden';
                rows := null;
            else
                execute format('select count(*) from %s where (%s)', relation, mail.condition)
                    || case when mail.gone is null then '' else format(' and (%s) is not true', mail.gone) end
                    into rows
                    using person, case when mail.columns = 'payload' then '%"' else '' end
                        || replace(replace(replace(address, '\', '\\'), '%', '\%'), '_', '\_')
                        || case when mail.columns = 'payload' then '"%' else '' end;
            end if;
        exception when insufficient_privilege then
            kind := 'hidden';
            rows := null;
        end;
        return next;
    end loop;
end;
$$;
