-- What is to be done because of an incident: while it is open, and after it. The old bot lives beside this: it has no tasks.

create table tasks (
    id        bigint      generated always as identity primary key,
    incident  bigint      not null references incidents (id),
    key       text        not null unique,     -- of what asked for it: asked again, it is the same task
    said      text        not null check (length(said) between 1 and 500),
    kind      text        check (kind in ('prevent', 'detect', 'mitigate', 'process')),
    owner     text,                            -- null where nobody has it
    due_at    timestamptz,
    since     timestamptz not null,            -- when its owner or its date was last set: reminders count from then
    added_by  text        not null,
    added_at  timestamptz not null,
    state     text        not null default 'open' check (state in ('open', 'done', 'dropped')),
    ended_by  text,
    ended_at  timestamptz,
    ended_why text        not null default '',
    constraint ended_when_not_open check ((ended_at is null) = (state = 'open'))
);
create index tasks_of on tasks (incident, id);
create index tasks_open on tasks (owner) where state = 'open';
