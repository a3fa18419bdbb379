-- The product's own figures between two moments: sign-ups, interviews begun and how they ended.
SELECT
    (SELECT count(*)::int FROM auth.users
     WHERE created_at >= %(start)s AND created_at < %(end)s AND deleted_at IS NULL)          AS signups,
    (SELECT count(*)::int FROM public.sessions
     WHERE completed_at >= %(start)s AND completed_at < %(end)s AND status = 'completed')    AS completed_then,
    count(*) FILTER (WHERE status = 'completed')::int                                         AS completed,
    count(*) FILTER (WHERE status IN ('abandoned', 'failed'))::int                            AS broken_off
FROM public.sessions
WHERE created_at >= %(start)s AND created_at < %(end)s
