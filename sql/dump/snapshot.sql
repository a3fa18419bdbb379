-- What this transaction sees, for pg_dump to see the same; and what is dumped.
select pg_export_snapshot() as snapshot, current_setting('server_version_num')::int as version,
       current_setting('server_version') as version_text, pg_database_size(current_database()) as size;
