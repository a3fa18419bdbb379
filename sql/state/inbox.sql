-- name: add
insert into inbox (key, kind, payload, received_at, claimed_until)
values (%(key)s, %(kind)s, %(payload)s, %(received_at)s, %(claimed_until)s)
on conflict (key) do nothing
returning key;

-- name: finish
update inbox set done_at = %(done_at)s, outcome = %(outcome)s where key = %(key)s;

-- name: keep
update inbox set claimed_until = %(claimed_until)s where key = any(%(keys)s) and done_at is null;

-- name: claim_abandoned
with abandoned as materialized (
    select key from inbox
    where done_at is null and claimed_until < %(real_now)s
    order by claimed_until limit %(most)s for update skip locked
)
update inbox set claimed_until = %(claimed_until)s, attempts = attempts + 1
from abandoned where inbox.key = abandoned.key
returning inbox.key, inbox.kind, inbox.payload, inbox.received_at, inbox.attempts;

-- name: purge
delete from inbox where received_at < %(before)s;
