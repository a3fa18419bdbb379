-- Who is in the channel of an incident: for a private one, who may know of it.

create table members (
    incident bigint      not null references incidents (id),
    person   text        not null,
    since    timestamptz not null,
    primary key (incident, person)
);
create index members_of on members (person);
