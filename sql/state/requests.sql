-- name: add
insert into requests (id, key, operation, requester, channel, state, plan, quorum, asked_at, expires_at, ended_at, reason,
    incident, exclusive)
overriding system value
values (coalesce(%(number)s, nextval(pg_get_serial_sequence('requests', 'id'))), %(key)s, %(operation)s, %(requester)s, %(channel)s, %(state)s, %(plan)s, %(quorum)s, %(at)s, %(expires_at)s,
    %(ended_at)s, %(reason)s, %(incident)s, %(exclusive)s)
on conflict (key) do nothing
returning id;

-- name: by_key
select id, key, operation, requester, channel, state, plan, quorum, asked_at, expires_at, decided_at, ended_at, reason, result,
    incident, exclusive, progress, broken_glass_by, broken_glass_why, decided_by, paged_at
from requests where key = %(key)s;

-- name: get
select id, key, operation, requester, channel, state, plan, quorum, asked_at, expires_at, decided_at, ended_at, reason, result,
    incident, exclusive, progress, broken_glass_by, broken_glass_why, decided_by, paged_at
from requests where id = %(id)s;

-- name: lock
select id, key, operation, requester, channel, state, plan, quorum, asked_at, expires_at, decided_at, ended_at, reason, result,
    incident, exclusive, progress, broken_glass_by, broken_glass_why, decided_by, paged_at
from requests where id = %(id)s for update;

-- name: open
select id, key, operation, requester, channel, state, plan, quorum, asked_at, expires_at, decided_at, ended_at, reason, result,
    incident, exclusive, progress, broken_glass_by, broken_glass_why, decided_by, paged_at
from requests where state in ('awaiting_approval', 'executing', 'unknown') order by id desc limit 50;

-- name: move
update requests set
    state = %(state)s,
    decided_at = case when state = 'unknown' then %(decided_at)s else coalesce(decided_at, %(decided_at)s) end,
    decided_by = coalesce(%(decided_by)s, decided_by),
    ended_at = %(ended_at)s,
    reason = %(reason)s,
    result = coalesce(%(result)s, result)
where id = %(id)s;

-- name: break_glass
update requests set broken_glass_by = %(by)s, broken_glass_why = %(why)s where id = %(id)s;

-- name: paged
update requests set paged_at = %(at)s where id = %(id)s;

-- name: note_progress
update requests set progress = %(said)s where id = %(id)s and state = 'executing';

-- name: approve
insert into approvals (request, person, requester, at) values (%(request)s, %(person)s, %(requester)s, %(at)s)
on conflict (request, person) do nothing
returning person;

-- name: approvers
select person from approvals where request = %(request)s order by at, person;

-- name: delegate
insert into delegations (request, person, by, at) values (%(request)s, %(person)s, %(by)s, %(at)s)
on conflict (request, person) do nothing
returning person;

-- name: delegations
select person, by from delegations where request = %(request)s order by at, person;

-- name: handed_to
select request, by from delegations where person = %(person)s;

-- name: approved_by
select request from approvals where person = %(person)s;

-- name: ran_since
select id, key, operation, requester, channel, state, plan, quorum, asked_at, expires_at, decided_at, ended_at, reason, result,
    incident, exclusive, progress, broken_glass_by, broken_glass_why, decided_by, paged_at
from requests
where state in ('executing', 'succeeded', 'failed', 'unknown') and decided_at >= %(since)s
  and not jsonb_path_exists(plan -> 'decides', '$.**.person')  -- what concerns one customer is nobody else's business
  and not exists (select 1 from incidents where incidents.id = requests.incident and private)
order by decided_at desc limit 20;

-- name: of_incidents
select id from requests where incident = any(%(incidents)s);

-- name: of_incident
select id, key, operation, requester, channel, state, plan, quorum, asked_at, expires_at, decided_at, ended_at, reason, result,
    incident, exclusive, progress, broken_glass_by, broken_glass_why, decided_by, paged_at
from requests where incident = %(incident)s order by id;
