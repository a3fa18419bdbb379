-- How questions were generated in the last hour: how long it took, how long the prompts were, and what failed.
with lately as (
    select t.generation_ms, t.prompt_chars, t.error,
           t.error ilike '%%timed out%%' or t.error ilike '%%timeout%%' as timed_out,
           t.error ilike '%%429%%' or t.error ilike '%%rate limit%%' as limited
    from sessions s
    join turns t on t.session_id = s.id
    where s.created_at > now() - interval '6 hours' and t.created_at > now() - interval '1 hour'
)
select count(*)::int as turns,
       count(*) filter (where timed_out)::int as timed_out,
       count(*) filter (where limited)::int as limited,
       percentile_cont(0.95) within group (order by generation_ms) filter (where error is null) as p95_ms,
       percentile_cont(0.95) within group (order by prompt_chars) as p95_chars,
       max(prompt_chars) as longest_chars,
       avg(prompt_chars) filter (where timed_out) as timed_out_chars,
       avg(prompt_chars) filter (where error is null) as answered_chars
from lately;
