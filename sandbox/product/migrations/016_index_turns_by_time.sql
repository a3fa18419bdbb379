-- Turns by time, for the report of slow questions: made without locking the table, so outside a transaction.
create index concurrently if not exists turns_created_at_idx on public.turns (created_at desc);
analyze public.turns;
