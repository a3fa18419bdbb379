-- Changes to the product: asked by one person, approved by another, run once.

create table requests (
    id          bigint      generated always as identity primary key,
    key         text        not null unique,     -- of the payload that asked: asked again, it is the same request
    operation   text        not null,
    requester   text        not null,
    channel     text        not null,            -- where it was asked, for the answer; '' in a terminal
    state       text        not null check (state in ('received', 'denied', 'awaiting_approval', 'rejected', 'withdrawn',
                                'expired', 'stale', 'executing', 'succeeded', 'failed', 'unknown')),
    plan        jsonb       not null,            -- what was shown: effect, lines, what it decides by (its fingerprint)
    quorum      int         not null check (quorum >= 1),
    asked_at    timestamptz not null,
    expires_at  timestamptz not null,
    decided_at  timestamptz,
    ended_at    timestamptz,
    reason      text        not null default '', -- of a rejection
    result      jsonb,
    constraint ended_when_final check ((ended_at is not null) = (state not in ('received', 'awaiting_approval', 'executing', 'unknown')))
);
create index requests_open on requests (id) where state in ('awaiting_approval', 'executing', 'unknown');

-- requester is repeated here so that the database itself can refuse an approval of one's own request.
create table approvals (
    request   bigint      not null references requests (id),
    person    text        not null,
    requester text        not null,
    at        timestamptz not null,
    primary key (request, person),
    constraint approver_is_not_requester check (person <> requester)
);

-- Messages that are edited as their subject changes. `wanted` is raised with the change; `shown` follows it.
create table cards (
    subject      text        primary key,
    channel      text        not null,
    thread_ts    text,
    ts           text,
    wanted       int         not null default 1,
    shown        int         not null default 0,
    sending      boolean     not null default false,  -- a first post is under way, or its answer was lost
    not_before   timestamptz,                         -- real time
    claimed_until timestamptz,                        -- real time
    attempts     int         not null default 0,
    error        text
);
create index cards_behind on cards (subject) where wanted > shown and error is null;
