-- Questions whose generation failed: when, why, how long the prompt was and how long it took.
-- :since age = 24h  How far back.
select t.created_at, t.error, t.prompt_chars, t.generation_ms, t.session_id
from turns t
where t.error is not null and t.created_at >= %(now)s - %(since)s
order by t.created_at desc
