-- name: add
insert into offers (id, words, created_at, expires_at) values (%(id)s, %(words)s, %(at)s, %(expires_at)s);

-- name: get
select words from offers where id = %(id)s and expires_at > %(now)s;

-- name: purge
delete from offers where expires_at < %(now)s;
