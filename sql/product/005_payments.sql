-- What the operations bot gives for payments whose webhook was lost. Runs after 004; safe to run again.

-- Gives several paid sessions what they bought: all that still lack it, in one transaction, and a receipt.
-- `items` is a list of {session, person, interviews, tier, perks, type}. A session that was granted in the meantime is
-- passed over, and counted. Refusal: IL001, somebody is there no more.
create or replace function ilab.grant_sessions(request text, items jsonb, note jsonb)
returns jsonb language plpgsql as $$
declare
    known   jsonb;
    item    record;
    balance int;
    granted uuid;
    given   int := 0;
    passed  int := 0;
    outcome jsonb;
begin
    perform pg_advisory_xact_lock(hashtextextended(request, 0));
    select r.result into known from ilab.receipts r where r.request = grant_sessions.request;
    if known is not null then
        return known;
    end if;
    -- in one order, so that two batches never wait for each other
    for item in
        select * from jsonb_to_recordset(items)
            as i (session text, person uuid, interviews int, tier text, perks jsonb, type text)
        order by person, session
    loop
        perform 1 from auth.users u where u.id = item.person and u.deleted_at is null for update;
        if not found then
            raise exception 'one of the customers is there no more' using errcode = 'IL001';
        end if;
        granted := null;
        if not exists (select 1 from public.entitlements e where e.stripe_session_id = item.session) then
            insert into public.entitlements
                (user_id, type, status, tier, remaining_interviews, perks, stripe_session_id)
            values (item.person, item.type, 'active', item.tier, item.interviews, item.perks, item.session)
            on conflict do nothing  -- the webhook was quicker by a moment
            returning id into granted;
        end if;
        if granted is null then
            passed := passed + 1;
            continue;
        end if;
        given := given + 1;
        select coalesce(sum(e.remaining_interviews), 0) into balance from public.entitlements e
        where e.user_id = item.person and e.status = 'active' and (e.expires_at is null or e.expires_at > now());
        insert into public.entitlement_history (user_id, entitlement_id, action, new_balance, metadata)
        values (item.person, granted, 'grant', balance,
                note || jsonb_build_object('manual', true, 'stripe_session_id', item.session,
                                           'request', request || ':' || item.session));
    end loop;
    outcome := jsonb_build_object('given', given, 'passed', passed);
    insert into ilab.receipts (request, result) values (request, outcome);
    return outcome;
end $$;
