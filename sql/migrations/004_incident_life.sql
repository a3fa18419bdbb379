-- An incident's whole life: states, roles, what is known of it, its timeline and its milestones.
-- The old bot lives beside this: it knows two of the states, and sets none of the new columns.

alter table incidents
    drop constraint acknowledged_by_somebody,
    drop constraint incidents_state_check,
    add constraint incidents_state_check check (state in ('declared', 'acknowledged', 'assessed', 'mitigated', 'resolved',
        'closed', 'cancelled', 'merged')),
    add column private    boolean not null default false,
    add column drill      text,                  -- the scenario; null where it is real
    add column source     text    not null default 'person' check (source in ('person', 'alert')),
    add column lead       text,
    add column lead_by    text,                  -- who appointed the lead: break-glass asks for another person
    add column communications text,
    add column scribe     text,
    add column cause      text check (cause in ('deployment', 'third_party', 'database', 'other')),
    add column share      numeric check (share between 0 and 100),  -- estimated, of the active users, in percent
    add column merged_into bigint references incidents (id),
    add column updated_at timestamptz,           -- when people were last told how it stands
    add column ended_at   timestamptz,           -- resolved, closed, cancelled or merged
    add constraint merged_somewhere check ((state = 'merged') = (merged_into is not null));
create index incidents_open on incidents (id) where state in ('declared', 'acknowledged', 'assessed', 'mitigated');

-- What happened, in the order in which it happened (`at`). Append-only: a correction is a row of its own.
create table timeline (
    id          bigint      generated always as identity primary key,
    incident    bigint      not null references incidents (id),
    key         text        not null,            -- told twice under one key, it is one entry
    kind        text        not null,
    actor       text        not null,
    said        text        not null,
    link        text        not null default '',
    at          timestamptz not null,            -- when it happened, which for a marked message is the message's own time
    recorded_at timestamptz not null,
    corrects    bigint      references timeline (id),
    unique (incident, key)
);
create index timeline_of on timeline (incident, at, id);
create function timeline_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the timeline is append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end $$;
create trigger timeline_append_only before update or delete on timeline for each row execute function timeline_refuse();
create trigger timeline_no_truncate before truncate on timeline for each statement execute function timeline_refuse();

-- The moments from which every time metric is computed. The newest row of a name counts; the others say what was believed.
create table milestones (
    id          bigint      generated always as identity primary key,
    incident    bigint      not null references incidents (id),
    name        text        not null check (name in ('started', 'detected', 'declared', 'acknowledged', 'assessed',
                                'mitigated', 'resolved')),
    key         text        not null,
    at          timestamptz not null,
    by          text        not null,
    reason      text        not null default '', -- of a correction
    recorded_at timestamptz not null,
    unique (incident, key)
);
create index milestones_of on milestones (incident, name, id);

-- A request may belong to an incident, one at a time may be open of some kinds, and a long one says how far it is.
alter table requests
    add column incident  bigint references incidents (id),
    add column exclusive text,                   -- such as 'production': one open request holds it
    add column progress  text not null default '',
    add column broken_glass_by text,             -- who ran it alone, and why
    add column broken_glass_why text not null default '';
create unique index requests_one_at_a_time on requests (exclusive)
    where exclusive is not null and state in ('awaiting_approval', 'executing', 'unknown');
