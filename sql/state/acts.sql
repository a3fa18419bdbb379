-- name: begin
insert into acts (key, operation, at) values (%(key)s, %(operation)s, %(at)s)
on conflict (key, operation) do nothing
returning key;

-- name: answer
select answer from acts where key = %(key)s and operation = %(operation)s;

-- name: end
update acts set answer = %(answer)s where key = %(key)s and operation = %(operation)s;

-- name: purge
delete from acts where at < %(before)s;
