-- name: set
insert into milestones (incident, name, key, at, by, reason, recorded_at)
values (%(incident)s, %(name)s, %(key)s, %(at)s, %(by)s, %(reason)s, %(recorded_at)s)
on conflict (incident, key) do nothing;

-- name: of
select name, at from (
    select distinct on (name) name, at from milestones where incident = %(incident)s order by name, id desc
) as newest where at is not null;

-- name: history
select name, at, by, reason from milestones where incident = %(incident)s order by id;

-- name: of_all
select incident, name, at from (
    select distinct on (incident, name) incident, name, at from milestones
    where incident = any(%(incidents)s) order by incident, name, id desc
) as newest where at is not null;
