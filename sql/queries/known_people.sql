-- Which of these ids are customers, and their addresses.
select id::text as id, email from auth.users where id = any(%(people)s::uuid[]) and deleted_at is null;
