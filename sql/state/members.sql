-- name: add
insert into members (incident, person, since) values (%(incident)s, %(person)s, %(at)s)
on conflict (incident, person) do nothing;

-- name: drop
delete from members where incident = %(incident)s and person = %(person)s;

-- name: of
select person from members where incident = %(incident)s order by since, person;

-- name: memberships
select incident from members where person = %(person)s;
