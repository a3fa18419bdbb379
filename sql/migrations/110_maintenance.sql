-- Maintenance windows, and which alerts were held back in one.

create table maintenances (
    id         bigint      generated always as identity primary key,
    key        text        not null unique,      -- of the approved request that scheduled it
    what       text        not null check (length(what) between 1 and 200),
    start_at   timestamptz not null,
    end_at     timestamptz not null check (end_at > start_at),
    offline    boolean     not null,             -- the maintenance page is shown meanwhile
    migration  text        not null default '',
    state      text        not null default 'scheduled' check (state in ('scheduled', 'running', 'watching', 'done',
                               'cancelled')),
    asked_by   text        not null,
    started_at timestamptz,
    finished_at timestamptz,
    ended_at   timestamptz,
    reason     text        not null default '',  -- of a cancellation
    note       text        not null default '',  -- what went wrong, for the card
    told       jsonb       not null default '{}' -- occasion → how many mails, and whether the page has it
);
-- One at a time is under way: what it holds back must be clear.
create unique index maintenances_one_at_a_time on maintenances ((true)) where state = 'running';
create index maintenances_open on maintenances (start_at) where state in ('scheduled', 'running', 'watching');

alter table alerts add column held_by bigint references maintenances (id);
