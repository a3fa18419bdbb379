-- Incidents, and the steps by which one sets itself up.

create table incidents (
    id           bigint      generated always as identity primary key,
    key          text        not null unique,     -- of the payload that declared it
    severity     text        not null check (severity in ('P0', 'P1', 'P2', 'P3')),
    title        text        not null check (length(title) between 1 and 200),
    state        text        not null default 'declared' check (state in ('declared', 'acknowledged')),
    declared_by  text        not null,
    declared_at  timestamptz not null,
    acknowledged_by text,
    acknowledged_at timestamptz,
    channel_name text        not null unique,
    channel_id   text        unique,              -- claimed once: a channel belongs to one incident
    constraint acknowledged_by_somebody check ((state = 'declared') = (acknowledged_at is null))
);

-- What was begun and what it found or made: `started` is committed before the call, `done` after it.
create table steps (
    subject    text        not null,
    name       text        not null,
    state      text        not null check (state in ('started', 'done', 'failed')),
    result     jsonb,
    error      text,
    attempts   int         not null default 1,
    started_at timestamptz not null,              -- real time
    primary key (subject, name)
);

-- A post may stand in the thread under a card, whose ts is not known before the card is shown.
alter table posts add column thread_of text;
