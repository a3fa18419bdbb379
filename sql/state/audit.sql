-- name: add
insert into audit (at, kind, actor, subject, detail)
values (%(at)s, %(kind)s, %(actor)s, %(subject)s, %(detail)s);

-- name: rows
select seq, canonical, prev_hash, hash, audit_canonical(audit) as recomputed from audit
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
