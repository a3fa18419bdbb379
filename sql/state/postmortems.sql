-- name: measured
select measured from postmortems where incident = %(incident)s and measured is not null;

-- name: keep_measured
insert into postmortems (incident, measured) values (%(incident)s, %(measured)s)
on conflict (incident) do update set measured = excluded.measured;

-- name: done
select done_by, done_at, done_where from postmortems where incident = %(incident)s and done_at is not null;

-- name: finish
insert into postmortems (incident, done_by, done_at, done_where) values (%(incident)s, %(by)s, %(at)s, %(where)s)
on conflict (incident) do update set done_by = excluded.done_by, done_at = excluded.done_at,
    done_where = excluded.done_where;

-- name: reopen
update postmortems set done_by = null, done_at = null, done_where = '' where incident = %(incident)s;

-- name: newest
select * from postmortem_versions where incident = %(incident)s order by number desc limit 1;

-- name: write
insert into postmortem_versions (incident, number, written_at, by, sections, prompts, whole, added)
values (%(incident)s, %(number)s, %(at)s, %(by)s, %(sections)s, %(prompts)s, %(whole)s, %(added)s)
on conflict (incident, number) do nothing;

-- name: publish
update postmortem_versions set place = %(place)s, document = %(document)s, link = %(link)s
where incident = %(incident)s and number = %(number)s;

-- name: published
select link, number from postmortem_versions where incident = %(incident)s and place is not null
order by number desc limit 1;

-- name: canvas
select document from postmortem_versions where incident = %(incident)s and place = 'canvas' order by number desc limit 1;
