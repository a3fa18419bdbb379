-- How much is kept in files, of everybody's and of one customer's, and when that customer's last one came.
select coalesce(sum((metadata ->> 'size')::bigint), 0)::bigint as bytes, count(*)::int as files,
       count(*) filter (where owner_id = %(person)s)::int as theirs,
       max(updated_at) filter (where owner_id = %(person)s) as last_at,
       (array_agg((metadata ->> 'size')::bigint order by updated_at desc) filter (where owner_id = %(person)s))[1] as last_bytes
from storage.objects;
