-- The bucket `cvs` and its row-level policies: each user may read and write what is in the folder named after their id.
-- Runbook, Issue 5 ("if policy missing, re-run"). Safe to run again; a bucket that is there keeps its own limits.

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values (
  'cvs', 'cvs', false, 5242880,
  array['application/pdf', 'application/msword',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document']
)
on conflict (id) do nothing;

-- At Supabase the table belongs to its storage service, which has turned this on: only where it is off, and by its owner.
do $$
begin
  if not (select relrowsecurity from pg_class where oid = 'storage.objects'::regclass) then
    alter table storage.objects enable row level security;
  end if;
end;
$$;

drop policy if exists "cvs: read own" on storage.objects;
create policy "cvs: read own" on storage.objects for select
  using (bucket_id = 'cvs' and (storage.foldername(name))[1] = auth.uid()::text);

drop policy if exists "cvs: upload own" on storage.objects;
create policy "cvs: upload own" on storage.objects for insert
  with check (bucket_id = 'cvs' and (storage.foldername(name))[1] = auth.uid()::text);

drop policy if exists "cvs: replace own" on storage.objects;
create policy "cvs: replace own" on storage.objects for update
  using (bucket_id = 'cvs' and (storage.foldername(name))[1] = auth.uid()::text)
  with check (bucket_id = 'cvs' and (storage.foldername(name))[1] = auth.uid()::text);

drop policy if exists "cvs: delete own" on storage.objects;
create policy "cvs: delete own" on storage.objects for delete
  using (bucket_id = 'cvs' and (storage.foldername(name))[1] = auth.uid()::text);
