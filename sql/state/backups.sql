-- name: begin
insert into backups (request, host, file, state, started_at)
values (%(request)s, %(host)s, %(file)s, 'running', %(at)s)
on conflict (request) do update set
    state = 'running', host = excluded.host, file = excluded.file, started_at = excluded.started_at
    where backups.state <> 'done'
returning id;

-- name: finish
update backups set
    state = 'done', ended_at = %(at)s, server_version = %(server_version)s, tool_version = %(tool_version)s,
    bytes = %(bytes)s, sha256 = %(sha256)s, counts = %(counts)s, reason = ''
where request = %(request)s;

-- name: fail
update backups set state = 'failed', ended_at = %(at)s, reason = %(reason)s
where request = %(request)s and state = 'running';

-- name: prove
update backups set proven_at = %(at)s, proof = %(proof)s where id = %(id)s;

-- name: remove
update backups set state = 'removed', removed_at = %(at)s, reason = %(reason)s where id = %(id)s and state = 'done';

-- name: by_request
select * from backups where request = %(request)s;

-- name: get
select * from backups where id = %(id)s;

-- name: kept
select * from backups where state = 'done' order by started_at desc, id desc;

-- name: latest
select * from backups where state <> 'removed' order by id desc limit %(most)s;
