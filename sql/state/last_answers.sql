-- name: keep
insert into last_answers (name, body, at) values (%(name)s, %(body)s, %(at)s)
on conflict (name) do update set body = excluded.body, at = excluded.at where last_answers.at <= excluded.at;

-- name: get
select body, at from last_answers where name = %(name)s;
