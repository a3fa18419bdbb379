insert into ilab.migrations (name, sha256, request, at, state, applied, total)
values (%(name)s, %(sha256)s, %(request)s, %(at)s, %(state)s, %(applied)s, %(total)s)
on conflict (name) do update set
    sha256 = excluded.sha256, request = excluded.request, at = excluded.at, state = excluded.state,
    applied = excluded.applied, total = excluded.total, error = '';
