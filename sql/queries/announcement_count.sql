-- How many people would be told of a maintenance by mail.
SELECT count(*)::int AS people
FROM auth.users
WHERE email IS NOT NULL AND email_confirmed_at IS NOT NULL AND deleted_at IS NULL
  AND (banned_until IS NULL OR banned_until < now())
