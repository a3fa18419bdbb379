-- An incident's channel may be archived or deleted while the incident is open: then it is told elsewhere.
-- The old bot goes on speaking there, and parks what Slack refuses.

alter table incidents add column room_lost text;   -- what became of its channel; null while it takes messages
