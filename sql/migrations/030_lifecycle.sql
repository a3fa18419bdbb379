-- What the steps of an incident need: which rung was paged, what was found, and milestones that turn out not to be so.
-- The old bot sets none of it, and an earlier rung paged once more than needed is all that it does beside a new one.

alter table incidents
    add column rung  int  not null default 1,   -- the highest level of the on-call policy that was paged
    add column found text not null default '';  -- what was found when it was assessed

-- Reopened, it was not mitigated nor resolved after all: a row without a moment takes the milestone back.
alter table milestones alter column at drop not null;
