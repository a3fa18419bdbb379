-- The server's version, and how large the database is.
select current_setting('server_version_num')::int as version, current_setting('server_version') as version_text,
       pg_database_size(current_database()) as size;
