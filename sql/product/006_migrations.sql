-- Which of the product's migrations the operations bot has run here. Runs after 004; safe to run again.

create table if not exists ilab.migrations (
    name    text        primary key,
    sha256  text        not null,
    request text        not null,
    at      timestamptz not null,
    state   text        not null check (state in ('running', 'done', 'failed')),
    applied int         not null default 0,  -- statements that are there for certain, where they run one by one
    total   int         not null,
    error   text        not null default ''
);
