-- name: sample
insert into samples (figure, at, value) values (%(figure)s, %(at)s, %(value)s) on conflict (figure, at) do nothing;

-- name: stands
select figure, level, leaning, streak, silent_since, value, why, at from stands;

-- name: put_stand
insert into stands (figure, level, leaning, streak, silent_since, value, why, at)
values (%(figure)s, %(level)s, %(leaning)s, %(streak)s, %(silent_since)s, %(value)s, %(why)s, %(at)s)
on conflict (figure) do update set
    level = excluded.level, leaning = excluded.leaning, streak = excluded.streak, silent_since = excluded.silent_since,
    value = excluded.value, why = excluded.why, at = excluded.at
where stands.at <= excluded.at;

-- name: lock
-- One measurement is noted at a time: run twice, the second sees what the first wrote.
select pg_advisory_xact_lock(hashtextextended('ilab.figures', 0));

-- name: trend
-- At most so many points, each the mean of a slice of the time.
select figure, to_timestamp(avg(extract(epoch from at))) as at, avg(value) as value
from (
    select figure, at, value,
        width_bucket(extract(epoch from at), extract(epoch from first.at_all),
            extract(epoch from %(until)s::timestamptz) + 1, %(points)s) as slice
    from samples, (select min(at) as at_all from samples where at >= %(since)s) first
    where at >= %(since)s and at <= %(until)s
) sliced
group by figure, slice order by figure, slice;

-- name: purge
delete from samples where at < %(before)s;
