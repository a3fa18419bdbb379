-- Who decided on a request, to whom it was handed, and whether somebody was paged for it.
-- The old bot sets none of these, and tells of none.

alter table requests
    add column decided_by text,                  -- who denied or withdrew it, or said what became of it
    add column paged_at   timestamptz;           -- when the approver on duty was paged: once

-- An approver hands a request to another: who is called then. Whoever else may approve still may.
create table delegations (
    request bigint      not null references requests (id),
    person  text        not null,
    by      text        not null,
    at      timestamptz not null,
    primary key (request, person)
);
create index delegations_to on delegations (person);

-- What a vendor last answered, for the hour in which it does not; known by the name of the question.
create table last_answers (
    name text        primary key,
    body jsonb       not null,
    at   timestamptz not null
);
