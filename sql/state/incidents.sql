-- name: add
insert into incidents (id, key, severity, title, declared_by, declared_at, channel_name, private)
overriding system value
values (coalesce(%(number)s, nextval(pg_get_serial_sequence('incidents', 'id'))),
    %(key)s, %(severity)s, %(title)s, %(by)s, %(at)s, %(key)s, %(private)s)
on conflict (key) do nothing
returning id;

-- name: lock_declaring
select pg_advisory_xact_lock(hashtext('ilab.declare'));

-- name: name_channel
update incidents set channel_name = %(name)s where id = %(id)s;

-- name: of_an_alert
update incidents set source = 'alert' where id = %(id)s;

-- name: of_a_drill
update incidents set drill = %(scenario)s where id = %(id)s;

-- name: claim_channel
update incidents set channel_id = %(channel)s where id = %(id)s;

-- name: lose_room
update incidents set room_lost = %(became)s where id = %(id)s;

-- name: leave_room
update incidents set channel_id = null, room_lost = null, channel_name = %(name)s where id = %(id)s;

-- name: get
select * from incidents where id = %(id)s;

-- name: lock
select * from incidents where id = %(id)s for update;

-- name: by_key
select * from incidents where key = %(key)s;

-- name: by_page
select * from incidents
where 'ilab-inc-' || left(encode(sha256(convert_to(key, 'UTF8')), 'hex'), 12) = %(page_key)s;

-- name: by_channel
select * from incidents where channel_id = %(channel)s;

-- name: save
update incidents set
    severity = %(severity)s, title = %(title)s, state = %(state)s,
    acknowledged_by = %(acknowledged_by)s, acknowledged_at = %(acknowledged_at)s,
    lead = %(lead)s, lead_by = %(lead_by)s, communications = %(communications)s, scribe = %(scribe)s,
    cause = %(cause)s, share = %(share)s, found = %(found)s, merged_into = %(merged_into)s,
    rung = %(rung)s, updated_at = %(updated_at)s, ended_at = %(ended_at)s
where id = %(id)s;

-- name: open
select * from incidents where state in ('declared', 'acknowledged', 'assessed', 'mitigated') order by id desc;

-- name: declared_since
select * from incidents where declared_at >= %(since)s order by id desc;

-- name: search
select * from incidents
where (%(severity)s::text is null or severity = %(severity)s)
  and (%(since)s::timestamptz is null or declared_at >= %(since)s)
  and (%(state)s::text is null or state = %(state)s or (%(state)s = 'open' and ended_at is null))
  and (%(before)s::bigint is null or id < %(before)s)
  and (%(text)s::text is null or title ilike %(text)s
      or exists (select from timeline where timeline.incident = incidents.id and timeline.said ilike %(text)s))
order by id desc limit 200;

-- name: private
select * from incidents where private;
