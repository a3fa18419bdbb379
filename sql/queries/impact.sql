-- How the interviews of a span of time went, of everybody's, and how many usually start in such a span: the mean of the
-- seven days before at the same time of day.
select
    count(*) filter (where created_at >= %(since)s)::int                                                as started,
    count(*) filter (where created_at >= %(since)s and status = 'failed')::int                          as failed,
    count(distinct user_id) filter (where created_at >= %(since)s)::int                                 as people,
    count(distinct user_id) filter (where created_at >= %(since)s and status = 'failed')::int           as people_hit,
    (count(*) filter (where created_at < %(since)s) / 7.0)::float                                       as usual
from sessions
where created_at >= %(since)s and created_at < %(until)s
   or exists (
        select from generate_series(1, 7) as ago
        where created_at >= %(since)s - ago * interval '1 day' and created_at < %(until)s - ago * interval '1 day'
   );
