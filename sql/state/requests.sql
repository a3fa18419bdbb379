-- name: add
insert into requests (key, operation, requester, channel, state, plan, quorum, asked_at, expires_at, incident, exclusive)
values (%(key)s, %(operation)s, %(requester)s, %(channel)s, 'awaiting_approval', %(plan)s, %(quorum)s, %(at)s, %(expires_at)s,
    %(incident)s, %(exclusive)s)
on conflict (key) do nothing
returning id;

-- name: by_key
select * from requests where key = %(key)s;

-- name: get
select * from requests where id = %(id)s;

-- name: lock
select * from requests where id = %(id)s for update;

-- name: move
update requests set
    state = %(state)s,
    decided_at = coalesce(decided_at, %(decided_at)s),
    ended_at = %(ended_at)s,
    reason = %(reason)s,
    result = coalesce(%(result)s, result)
where id = %(id)s;

-- name: note_progress
update requests set progress = %(said)s where id = %(id)s and state = 'executing';

-- name: approve
insert into approvals (request, person, requester, at) values (%(request)s, %(person)s, %(requester)s, %(at)s)
on conflict (request, person) do nothing
returning person;

-- name: approvers
select person from approvals where request = %(request)s order by at, person;

-- name: open
select * from requests where state in ('awaiting_approval', 'executing', 'unknown') order by id desc limit 50;

-- name: ran_since
select * from requests
where state in ('executing', 'succeeded', 'failed', 'unknown') and decided_at >= %(since)s
  and not jsonb_path_exists(plan -> 'decides', '$.**.person')  -- what concerns one customer is nobody else's business
order by decided_at desc limit 20;
