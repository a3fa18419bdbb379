-- A customer's files: those they own, and those in the folder that is called by their id.
select bucket_id as bucket, name, coalesce((metadata ->> 'size')::bigint, 0) as bytes
from storage.objects
where owner_id = %(person)s or owner::text = %(person)s or starts_with(name, %(person)s || '/')
order by bucket_id, name;
