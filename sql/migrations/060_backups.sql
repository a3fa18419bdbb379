-- Dumps of the product's database that the bot has made: where they are, what they hold, and until when.

create table backups (
    id             bigint      generated always as identity primary key,
    request        bigint      not null unique references requests (id),  -- asked again, it is the same dump
    host           text        not null,             -- the machine that has the file
    file           text        not null unique,      -- its name in that machine's directory
    state          text        not null check (state in ('running', 'done', 'failed', 'removed')),
    started_at     timestamptz not null,
    ended_at       timestamptz,
    server_version text        not null default '',
    tool_version   text        not null default '',
    bytes          bigint,
    sha256         text,
    counts         jsonb,                            -- rows of each table, in the dump's own snapshot
    proven_at      timestamptz,                      -- restored into a scratch database, with the same rows
    proof          text        not null default '',  -- what the proof said, also where it failed
    removed_at     timestamptz,
    reason         text        not null default '',  -- why it failed, or was removed
    constraint done_is_whole check (state <> 'done' or (bytes is not null and sha256 is not null and counts is not null))
);
create index backups_done on backups (id) where state = 'done';
