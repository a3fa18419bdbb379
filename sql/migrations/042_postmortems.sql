-- What was measured of an incident when it was over, and every version of its post-mortem that was written.
-- The old bot lives beside this: it writes none.

create table postmortems (
    incident    bigint      primary key references incidents (id),
    measured    jsonb,                           -- of vendors and the product, whose own records pass
    done_by     text,
    done_at     timestamptz,
    done_where  text        not null default '', -- where people finished it
    constraint done_by_somebody check ((done_by is null) = (done_at is null))
);

-- `place` is null until it is there: what died in between is gone on with.
create table postmortem_versions (
    incident    bigint      not null references incidents (id),
    number      int         not null,
    written_at  timestamptz not null,
    by          text        not null,
    sections    jsonb       not null,            -- by heading: what a later version is compared with
    prompts     jsonb       not null,            -- what people have to write
    whole       text        not null,
    added       text        not null default '', -- of a later version, what is new
    place       text        check (place in ('canvas', 'file', 'nowhere')),
    document    text        not null default '',
    link        text        not null default '',
    primary key (incident, number)
);
