-- name: add
insert into timeline (incident, key, kind, actor, said, link, at, recorded_at, corrects)
values (%(incident)s, %(key)s, %(kind)s, %(actor)s, %(said)s, %(link)s, %(at)s, %(recorded_at)s, %(corrects)s)
on conflict (incident, key) do nothing
returning id;

-- name: of
select id, incident, key, kind, actor, said, link, at, recorded_at, corrects from timeline
where incident = %(incident)s order by at, id;

-- name: marked
-- The newest entry that marks a message, whichever incident's it is.
select id, incident, key, kind, actor, said, link, at, recorded_at, corrects from timeline
where kind = 'marked' and starts_with(key, %(begins)s) order by id desc limit 1;

-- name: by_key
select id, incident, key, kind, actor, said, link, at, recorded_at, corrects from timeline
where incident = %(incident)s and key = %(key)s;

-- name: newest
select id, incident, key, kind, actor, said, link, at, recorded_at, corrects from timeline
where incident = %(incident)s and kind = %(kind)s order by at desc, id desc limit 1;

-- name: newest_keyed
select id, incident, key, kind, actor, said, link, at, recorded_at, corrects from timeline
where incident = %(incident)s and starts_with(key, %(begins)s) order by at desc, id desc limit 1;

-- name: told_by
-- Keys end in that of the request that did it.
select distinct incident from timeline where right(key, length(%(request)s) + 1) = ':' || %(request)s;
