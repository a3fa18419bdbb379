-- name: add
insert into posts (stream, key, channel, thread_ts, thread_of, body, wanted_at, expires_at, reminder)
values (%(stream)s, %(key)s, %(channel)s, %(thread_ts)s, %(thread_of)s, %(body)s, %(wanted_at)s, %(expires_at)s,
    %(reminder)s)
on conflict (key) do nothing;

-- name: claim
-- The oldest open post of each stream, unless that one waits or is in flight.
update posts set state = 'sending', started_at = %(real_now)s, attempts = attempts + 1
where id = (
    select id from posts as candidate
    where state = 'wanted' and (not_before is null or not_before <= %(real_now)s)
      and not exists (
          select 1 from posts as earlier
          where earlier.stream = candidate.stream and earlier.id < candidate.id and earlier.state in ('wanted', 'sending')
      )
    order by id limit 1 for update skip locked
)
returning id, stream, key, channel, thread_ts, thread_of, body, wanted_at, expires_at, reminder, stored_at,
    attempts, false as ambiguous, started_at;

-- name: claim_lost
-- Posts whose sender died, or whose answer was lost: they may have been sent.
update posts set started_at = %(real_now)s, attempts = attempts + 1
where id = (
    select id from posts
    where state = 'sending' and started_at < %(lost_before)s and (not_before is null or not_before <= %(real_now)s)
    order by id limit 1 for update skip locked
)
returning id, stream, key, channel, thread_ts, thread_of, body, wanted_at, expires_at, reminder, stored_at,
    attempts, true as ambiguous, started_at;

-- name: sent
update posts set state = 'sent', ts = %(ts)s, error = null where id = %(id)s;

-- name: wait
update posts set state = %(state)s, not_before = %(not_before)s, error = %(error)s where id = %(id)s;

-- name: close
update posts set state = %(state)s, error = %(error)s where id = %(id)s;

-- name: drop_stream
-- What was not yet said on a stream is not said any more.
update posts set state = 'expired', error = %(error)s where stream = %(stream)s and state = 'wanted';

-- name: waiting
select count(*) from posts where state in ('wanted', 'sending');

-- name: unheard
-- What Slack was asked to show and did not take: it is tried again.
select (select count(*) from posts where state in ('wanted', 'sending') and error is not null)
    + (select count(*) from cards where wanted > shown and error is null and not_before is not null);

-- name: waiting_in
select count(*) from posts where channel = %(channel)s and state in ('wanted', 'sending');

-- name: purge
delete from posts where wanted_at < %(before)s and state in ('sent', 'parked', 'expired');

-- name: bring
-- Sent without the database, or begun there: then it is looked for before it is sent again.
insert into posts (stream, key, channel, thread_of, body, wanted_at, state, started_at)
values (%(stream)s, %(key)s, %(channel)s, %(thread_of)s, %(body)s, %(at)s, 'sending', %(at)s)
on conflict (key) do update set state = 'sending', started_at = excluded.started_at where posts.state = 'wanted';

-- name: found
update posts set state = 'sent', ts = %(ts)s, error = null where key = %(key)s and state <> 'sent';

-- name: parked
select count(*) from posts where state = 'parked';

-- name: is_known
select exists (select from posts where key = %(key)s);

-- name: redirect
update posts set channel = %(channel)s, thread_of = %(thread_of)s, state = 'wanted', attempts = 0, not_before = null,
    error = null
where id = %(id)s;

-- name: behind
-- What else waits on a stream, for the same place as a post that is claimed.
select id, stream, key, channel, thread_ts, thread_of, body, wanted_at, expires_at, reminder
from posts where stream = %(stream)s and state = 'wanted' and id > %(id)s and channel = %(channel)s
    and thread_ts is not distinct from %(thread_ts)s and thread_of is not distinct from %(thread_of)s
order by id for update;

-- name: fold
update posts set state = 'expired', error = %(error)s where id = any(%(ids)s);
