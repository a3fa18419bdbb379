-- A migration that waits for a lock holds up everybody who comes after it.
select set_config('lock_timeout', %(lock)s, false), set_config('statement_timeout', %(statement)s, false);
