-- name: lock
-- Two deliveries of one thing at once must not open two alerts, nor two storms begin.
select pg_advisory_xact_lock(hashtextextended('ilab.alert', 0));

-- name: note_delivery
insert into alert_deliveries (key, at) values (%(key)s, %(at)s) on conflict (key) do nothing returning key;

-- name: newest
select * from alerts where fingerprint = %(fingerprint)s order by id desc limit 1 for update;

-- name: open
insert into alerts (fingerprint, vendor, kind, title, link, state, first_at, last_at, changed_at, ended_at, storm)
values (%(fingerprint)s, %(vendor)s, %(kind)s, %(title)s, %(link)s, %(state)s, %(at)s, %(at)s, %(at)s, %(ended_at)s, %(storm)s)
returning id;

-- name: repeat
update alerts set count = count + 1, last_at = greatest(last_at, %(at)s), title = %(title)s,
    link = case when %(link)s = '' then link else %(link)s end
where id = %(id)s;

-- name: recover
update alerts set state = 'recovered', ended_at = %(at)s, changed_at = %(at)s, last_at = greatest(last_at, %(at)s)
where id = %(id)s;

-- name: come_back
update alerts set state = 'firing', ended_at = null, changed_at = %(at)s, last_at = greatest(last_at, %(at)s),
    count = count + 1, flaps = flaps + 1, title = %(title)s
where id = %(id)s;

-- name: get
select * from alerts where id = %(id)s;

-- name: lock_one
select * from alerts where id = %(id)s for update;

-- name: opened_since
select count(*) from alerts where first_at > %(since)s and vendor <> 'ilab.storm';

-- name: storm_now
select * from alerts where vendor = 'ilab.storm' and ended_at is null order by id desc limit 1;

-- name: in_storm
select * from alerts where storm = %(storm)s order by id;

-- name: firing
select * from alerts where ended_at is null and storm is null order by last_at desc limit 50;

-- name: latest
select * from alerts where storm is null order by last_at desc limit %(most)s;

-- name: of_incident
select * from alerts where incident = %(incident)s order by first_at, id;

-- name: join
update alerts set incident = %(incident)s where id = %(id)s or storm = %(id)s;

-- name: judge
update alerts set rule = %(rule)s, verdict = %(verdict)s where id = %(id)s;

-- name: mute
update alerts set muted_until = %(until)s, muted_by = %(by)s where id = %(id)s;

-- name: dismiss
update alerts set dismissed_by = %(by)s where id = %(id)s;

-- name: muted
select exists (
    select from alerts where fingerprint = %(fingerprint)s and muted_until > %(now)s
) as muted;

-- name: hold
update alerts set held_by = %(maintenance)s where id = %(id)s;

-- name: held
select * from alerts where held_by = %(maintenance)s order by id;

-- name: release
update alerts set held_by = null where held_by = %(maintenance)s and ended_at is null;

-- name: purge
delete from alert_deliveries where at < %(before)s;
