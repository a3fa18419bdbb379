-- What the operations bot takes back of what was given too much. Runs after 004; safe to run again.

-- Takes back what is unused of some entitlements, all at once, and leaves a receipt. `items` is a list of {entitlement, left}.
-- Refusal: IL001, one of them is not as planned any more.
create or replace function ilab.revoke_entitlements(request text, items jsonb, note jsonb)
returns jsonb language plpgsql as $$
declare
    known   jsonb;
    item    record;
    holder  uuid;
    unused  int;
    balance int;
    taken   int := 0;
    outcome jsonb;
begin
    perform pg_advisory_xact_lock(hashtextextended(request, 0));
    select r.result into known from ilab.receipts r where r.request = revoke_entitlements.request;
    if known is not null then
        return known;
    end if;
    for item in
        select * from jsonb_to_recordset(items) as i (entitlement uuid, "left" int) order by entitlement
    loop
        select e.user_id, e.remaining_interviews into holder, unused
        from public.entitlements e where e.id = item.entitlement and e.status <> 'revoked' for update;
        if not found then
            raise exception 'one of the entitlements is there no more' using errcode = 'IL001';
        end if;
        if unused <> item."left" then
            raise exception '% interviews are left of one of them now, not %', unused, item."left" using errcode = 'IL001';
        end if;
        update public.entitlements set status = 'revoked', remaining_interviews = 0, updated_at = now()
        where id = item.entitlement;
        taken := taken + unused;
        select coalesce(sum(e.remaining_interviews), 0) into balance from public.entitlements e
        where e.user_id = holder and e.status = 'active' and (e.expires_at is null or e.expires_at > now());
        insert into public.entitlement_history (user_id, entitlement_id, action, new_balance, metadata)
        values (holder, item.entitlement, 'revoke', balance,
                note || jsonb_build_object('manual', true, 'request', request || ':' || item.entitlement));
    end loop;
    outcome := jsonb_build_object('taken', taken, 'entitlements', jsonb_array_length(items));
    insert into ilab.receipts (request, result) values (request, outcome);
    return outcome;
end $$;
