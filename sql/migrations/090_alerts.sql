-- Alerts: what vendors' webhooks and our own watcher say, folded into one row as long as it is one thing.
-- The old bot lives beside this: it takes no webhook.

alter table inbox drop constraint inbox_kind_check,
    add constraint inbox_kind_check check (kind in ('command', 'action', 'shortcut', 'view', 'event', 'webhook'));

create table alerts (
    id          bigint      generated always as identity primary key,
    fingerprint text        not null,
    vendor      text        not null,
    kind        text        not null,
    title       text        not null,
    link        text        not null default '',
    state       text        not null check (state in ('firing', 'recovered', 'news')),
    first_at    timestamptz not null,
    last_at     timestamptz not null,            -- of the newest occurrence
    changed_at  timestamptz not null,            -- when it last began to fire or recovered
    ended_at    timestamptz,
    count       int         not null default 1,
    flaps       int         not null default 0,
    storm       bigint      references alerts (id),  -- the card that it stands on, where there are too many for one each
    incident    bigint      references incidents (id),
    rule        text,                            -- the rule that it matched, and what came of it
    verdict     text        not null default '',
    muted_until timestamptz,
    muted_by    text,
    dismissed_by text                            -- not actionable
);
-- One open alert a fingerprint: a thousand copies of it are one row.
create unique index alerts_open on alerts (fingerprint) where ended_at is null;
create index alerts_newest on alerts (fingerprint, id desc);
create index alerts_recent on alerts (first_at);

-- Which deliveries are in it: handled again after a crash, one counts once.
create table alert_deliveries (
    key   text   primary key,
    alert bigint references alerts (id),
    at    timestamptz not null
);
create index alert_deliveries_old on alert_deliveries (at);
