-- Who is told of a maintenance, a hundred at a time in the order of their ids: everybody who can sign in.
SELECT id::text AS id, email
FROM auth.users
WHERE email IS NOT NULL AND email_confirmed_at IS NOT NULL AND deleted_at IS NULL
  AND (banned_until IS NULL OR banned_until < now())
  AND (%(after)s = '' OR id > NULLIF(%(after)s, '')::uuid)
ORDER BY id
LIMIT 100
