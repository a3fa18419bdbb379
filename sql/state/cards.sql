-- name: want
insert into cards (subject, channel, thread_ts) values (%(subject)s, %(channel)s, %(thread_ts)s)
on conflict (subject) do update set wanted = cards.wanted + 1, error = null;

-- name: raise_if_there
update cards set wanted = wanted + 1, error = null where subject = %(subject)s;

-- name: ts_of
select ts from cards where subject = %(subject)s;

-- name: subject_at
select subject from cards where channel = %(channel)s and ts = %(ts)s;

-- name: channel_of
select channel from cards where subject = %(subject)s and error is null;

-- name: claim
update cards set claimed_until = %(claimed_until)s, attempts = attempts + 1
where subject = (
    select subject from cards
    where wanted > shown and error is null
      and (not_before is null or not_before <= %(real_now)s)
      and (claimed_until is null or claimed_until < %(real_now)s)
      -- incidents and approvals overtake alerts, which in a storm would use up what Slack allows
      and (not %(urgent_only)s or split_part(subject, ':', 1) <> 'alert')
    order by split_part(subject, ':', 1) = 'alert', subject limit 1 for update skip locked
)
returning subject, channel, thread_ts, ts, wanted, sending, attempts;

-- name: begin
update cards set sending = true where subject = %(subject)s;

-- name: shown
update cards set ts = %(ts)s, shown = %(shown)s, sending = false, claimed_until = null, not_before = null, attempts = 0
where subject = %(subject)s;

-- name: wait
update cards set claimed_until = null, not_before = %(not_before)s, sending = %(sending)s where subject = %(subject)s;

-- name: park
update cards set claimed_until = null, error = %(error)s where subject = %(subject)s;

-- name: behind
select count(*) from cards where wanted > shown and error is null;

-- name: standing
select channel, ts from cards where subject = %(subject)s and ts is not null;

-- name: bring
-- Its first post was begun elsewhere, and may have reached Slack: it is looked for, once it must have landed.
insert into cards (subject, channel, sending, not_before)
values (%(subject)s, %(channel)s, true, %(not_before)s)
on conflict (subject) do update set sending = true, not_before = excluded.not_before where cards.ts is null;

-- name: found
update cards set ts = %(ts)s, sending = false, not_before = null where subject = %(subject)s and ts is null;

-- name: move
-- It stands elsewhere from now on, as a new message.
update cards set channel = %(channel)s, thread_ts = null, ts = null, sending = false, wanted = wanted + 1,
    claimed_until = null, not_before = null, error = null
where subject = %(subject)s;

-- name: drop
delete from cards where subject = %(subject)s;

-- name: parked
select count(*) from cards where wanted > shown and error is not null;
