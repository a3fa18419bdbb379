-- name: add
insert into audit (at, kind, actor, subject, detail)
values (%(at)s, %(kind)s, %(actor)s, %(subject)s, %(detail)s);

-- name: rows
-- The text is made anew here, and not by the function: whoever may replace that could have it say what was sealed.
select seq, canonical, prev_hash, hash, pg_catalog.jsonb_build_array(
    seq,
    pg_catalog.to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    kind, actor, subject, detail
)::text as recomputed from audit
where seq > %(after)s order by seq limit 1000;

-- name: head
select seq, hash from audit_head;

-- name: anchors
select seq, hash, post_key, posted_at from audit_anchors order by seq;

-- name: anchor
insert into audit_anchors (seq, hash, post_key, posted_at) values (%(seq)s, %(hash)s, %(post_key)s, %(at)s)
on conflict (seq) do nothing;

-- name: journaled
select 1 from audit where detail ? 'journal' and detail ->> 'journal' = %(line)s;

-- name: find
-- Newest first; what concerns an incident that the reader may not know of is left out.
select seq, at, kind, actor, subject, detail from audit
where (%(actor)s::text is null or actor = %(actor)s)
  and (%(kind)s::text is null or kind = %(kind)s or starts_with(kind, %(kind)s || '.'))
  and (%(subject)s::text is null or subject = %(subject)s)
  and (%(text)s::text is null
       or strpos(lower(kind || ' ' || subject || ' ' || coalesce(detail ->> 'operation', '')), lower(%(text)s)) > 0)
  and (%(since)s::timestamptz is null or at >= %(since)s)
  and (%(before)s::bigint is null or seq < %(before)s)
  and subject <> all(%(hidden)s)
  and coalesce('incident:' || (detail ->> 'incident'), '') <> all(%(hidden)s)
order by seq desc limit %(most)s;

-- name: of
select seq, at, kind, actor, subject, detail from audit where subject = any(%(subjects)s) order by seq;
