-- What was run here under this name; it fails where 006_migrations.sql was never applied.
select sha256, state, applied, total, at, error from ilab.migrations where name = %(name)s;
