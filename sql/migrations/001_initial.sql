-- The bot's own state: what came in, who people are, what is to be said, what is due, and what was done.
-- Deadlines are compared with a time that is passed in (the bot's own), never with now(): see docs/design.md.

-- What came in, stored before Slack gets its ack. A second delivery of the same key is a duplicate.
create table inbox (
    key         text        primary key,
    kind        text        not null check (kind in ('command', 'action', 'shortcut', 'view', 'event')),
    payload     jsonb       not null,
    received_at timestamptz not null,
    claimed_until timestamptz not null,         -- real time: a copy that dies loses its claim
    attempts    int         not null default 1,
    done_at     timestamptz,
    outcome     text
);
create index inbox_unfinished on inbox (claimed_until) where done_at is null;
create index inbox_received on inbox (received_at);

-- What Slack last said of a person, so that a terminal knows its roles while Slack is silent.
create table people (
    id         text        primary key,
    name       text        not null,
    standing   text        not null check (standing in ('member', 'guest', 'stranger', 'bot', 'deactivated')),
    member_of  text[]      not null default '{}',
    checked_at timestamptz not null
);

-- Terminal tokens: only their SHA-256 is kept.
create table tokens (
    id         bigint      generated always as identity primary key,
    person     text        not null,
    label      text        not null check (length(label) between 1 and 80),
    hash       bytea       not null unique,
    request    text        not null unique,
    created_at timestamptz not null,
    used_at    timestamptz,
    revoked_at timestamptz
);
create index tokens_of on tokens (person) where revoked_at is null;

-- Invocations that stand behind buttons and hold personal data or free text: a button carries only the id.
create table offers (
    id         text        primary key,
    words      text        not null,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index offers_expiring on offers (expires_at);

-- What is to be posted: in order within a stream, once.
create table posts (
    id         bigint      generated always as identity primary key,
    stream     text        not null,            -- one is in flight at a time within a stream
    key        text        not null unique,     -- also in the message's metadata: by it a lost answer is found again
    channel    text        not null,
    thread_ts  text,
    body       jsonb       not null,            -- {"text": …, "blocks": […]}
    wanted_at  timestamptz not null,
    expires_at timestamptz,
    state      text        not null default 'wanted' check (state in ('wanted', 'sending', 'sent', 'parked', 'expired')),
    not_before timestamptz,                     -- real time: Slack's Retry-After, and the back-off
    started_at timestamptz,                     -- real time: when the call now in flight began
    attempts   int         not null default 0,
    ts         text,
    error      text,
    constraint sent_has_ts check ((state = 'sent') = (ts is not null))
);
create index posts_open on posts (stream, id) where state in ('wanted', 'sending');

-- Deadlines, in the bot's own time. Every copy ticks; one takes each.
create table clocks (
    subject text        not null,
    kind    text        not null,
    due_at  timestamptz not null,
    state   text        not null default 'running' check (state in ('running', 'fired', 'stopped')),
    primary key (subject, kind)
);
create index clocks_due on clocks (due_at) where state = 'running';

-- Channels where `status watch` speaks on change.
create table watches (
    id         bigint      generated always as identity primary key,
    channel    text        not null,
    person     text        not null,
    request    text        not null unique,
    started_at timestamptz not null,
    until      timestamptz not null,
    ended_at   timestamptz,
    seen       jsonb       not null,            -- probe → state last announced, and what is not yet confirmed
    changes    int         not null default 0
);
create unique index watches_one_a_channel on watches (channel) where ended_at is null;

-- The audit: append-only by the database's own rules, chained by SHA-256.
create table audit (
    seq       bigint      primary key,
    at        timestamptz not null,
    kind      text        not null,
    actor     text        not null,
    subject   text        not null,
    detail    jsonb       not null,
    canonical text        not null,
    prev_hash bytea       not null unique,
    hash      bytea       not null unique
);
create index audit_by_actor on audit (actor, seq);
create index audit_journaled on audit ((detail ->> 'journal')) where detail ? 'journal';

-- The chain's end, so that a cut-off tail shows. Written by the trigger alone.
create table audit_head (
    one  boolean primary key default true check (one),
    seq  bigint  not null,
    hash bytea   not null
);
insert into audit_head values (true, 0, sha256('ilab audit'::bytea));

-- Heads that were shown to people outside this database, and where.
create table audit_anchors (
    seq       bigint      primary key,
    hash      bytea       not null,
    post_key  text        not null,
    posted_at timestamptz not null
);

-- First the lock, then the head: in one statement the two can fork the chain, because the read is as old as the
-- statement's snapshot, and that is taken before the lock is granted.
create function audit_chain() returns trigger language plpgsql as $$
declare
    head audit_head%rowtype;
begin
    perform pg_advisory_xact_lock(hashtext('ilab.audit'));
    select * into strict head from audit_head;
    new.seq := head.seq + 1;
    new.prev_hash := head.hash;
    new.canonical := audit_canonical(new);
    new.hash := sha256(new.prev_hash || convert_to(new.canonical, 'UTF8'));
    update audit_head set seq = new.seq, hash = new.hash;
    return new;
end $$;

create function audit_canonical(entry audit) returns text language sql immutable as $$
    select jsonb_build_array(
        entry.seq,
        to_char(entry.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        entry.kind, entry.actor, entry.subject, entry.detail
    )::text
$$;

create function audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end $$;

create function audit_head_guard() returns trigger language plpgsql as $$
begin
    -- depth 1 is this trigger itself, called by a bare statement; the chain's own update is called from a trigger
    if tg_op <> 'UPDATE' or pg_trigger_depth() < 2 then
        raise exception 'the head of the audit is written by the audit alone: % is refused', tg_op
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

create trigger audit_chain before insert on audit for each row execute function audit_chain();
create trigger audit_append_only before update or delete on audit for each row execute function audit_refuse();
create trigger audit_no_truncate before truncate on audit for each statement execute function audit_refuse();
create trigger audit_head_guard before insert or update or delete on audit_head
    for each row execute function audit_head_guard();
create trigger audit_head_no_truncate before truncate on audit_head for each statement execute function audit_refuse();
create trigger audit_anchors_append_only before update or delete on audit_anchors
    for each row execute function audit_refuse();
create trigger audit_anchors_no_truncate before truncate on audit_anchors for each statement execute function audit_refuse();
