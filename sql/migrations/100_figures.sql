-- The key metrics: what was measured, and how each figure stands.

create table samples (
    figure text        not null,
    at     timestamptz not null,
    value  double precision not null,
    primary key (figure, at)
);
create index samples_old on samples (at);

create table stands (
    figure       text        primary key,
    level        text        not null check (level in ('ok', 'warn', 'alert', 'unknown')),
    leaning      text        not null check (leaning in ('ok', 'warn', 'alert')),
    streak       int         not null,
    silent_since timestamptz,
    value        double precision,
    why          text        not null default '',  -- it could not be measured
    at           timestamptz not null
);
