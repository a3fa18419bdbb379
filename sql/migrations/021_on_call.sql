-- Who is on call, as PagerDuty last said, with their numbers: for the hour in which PagerDuty is silent.

create table on_call (
    level      int         not null,
    person     text        not null,             -- PagerDuty's id
    name       text        not null,
    email      text        not null,
    phone      text        not null default '',  -- as it is dialled; '' where PagerDuty gave none
    starts_at  timestamptz,                      -- null: for good
    ends_at    timestamptz,
    following  text        not null default '',  -- who comes next
    seen_at    timestamptz not null,             -- when PagerDuty said so
    changed_at timestamptz not null,             -- since when this level is theirs, as far as was seen
    replaced   text        not null default '',  -- who had it before
    primary key (level, person)
);
