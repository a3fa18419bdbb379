-- Taking a person out of our own tables. `{table}` and `{column}` come from the catalog.

-- name: columns
-- Every column that may hold text of people: all of ours but the audit, which takes no address in the first place.
select c.relname, a.attname, format_type(a.atttypid, null)
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
  and c.relname <> all (%(left_out)s)
  and format_type(a.atttypid, null) in ('text', 'character varying', 'json', 'jsonb', 'text[]')
order by c.relname, a.attnum;

-- name: begin
select set_config('ilab.erasing', 'on', true);

-- name: end
select set_config('ilab.erasing', 'off', true);

-- name: forget_offers
delete from offers where words ~* %(pattern)s;

-- name: text
update {table} set {column} = regexp_replace({column}, %(pattern)s, %(instead)s, 'gi')
where {column} ~* %(pattern)s and {column} ~* %(only)s;

-- name: json
update {table} set {column} = regexp_replace({column}::text, %(pattern)s, %(instead)s, 'gi')::{type}
where {column}::text ~* %(pattern)s and {column}::text ~* %(only)s;

-- name: requests
-- The requests about a customer, whose cards name them masked.
select id from requests where strpos(plan::text, %(ref)s) > 0 order by id;

-- name: plans
update requests set
    plan = regexp_replace(plan::text, %(pattern)s, %(instead)s, 'gi')::jsonb,
    result = regexp_replace(result::text, %(pattern)s, %(instead)s, 'gi')::jsonb,
    reason = regexp_replace(reason, %(pattern)s, %(instead)s, 'gi')
where id = any(%(ids)s);

-- name: certify
insert into certificates (request, at, body, sha256) values (%(request)s, %(at)s, %(body)s, %(sha256)s);

-- name: certificate
select at, body, sha256 from certificates where request = %(request)s;
