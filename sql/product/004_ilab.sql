-- What the operations bot keeps in the product's own database, so that a change and the proof of it are one transaction.
-- Safe to run again.

create schema if not exists ilab;

-- One row a request that was carried out: asked again, it says what happened the first time.
create table if not exists ilab.receipts (
    request text        primary key,
    at      timestamptz not null default now(),
    result  jsonb       not null
);

-- A request leaves one entry in a person's history, whoever writes it.
create unique index if not exists entitlement_history_one_a_request
    on public.entitlement_history ((metadata ->> 'request')) where metadata ? 'request';

-- From now on one Stripe session is granted once, whoever grants it. Rows that were there before may hold duplicates,
-- so the rule begins with the moment at which it is made.
do $$
begin
    if to_regclass('public.entitlements_one_a_stripe_session') is null then
        execute format(
            'create unique index entitlements_one_a_stripe_session on public.entitlements (stripe_session_id) '
            'where stripe_session_id is not null and created_at >= %L::timestamptz', now());
    end if;
end $$;

-- Grants interviews to a person: entitlement, history and receipt at once, or nothing.
-- Refusals: IL001 reality is not as planned, IL002 the Stripe session was granted before.
create or replace function ilab.grant_interviews(
    request text, person uuid, interviews int, tier text, perks jsonb, session text, planned_balance int, note jsonb
) returns jsonb language plpgsql as $$
declare
    known   jsonb;
    balance int;
    granted uuid;
    outcome jsonb;
begin
    perform pg_advisory_xact_lock(hashtextextended(request, 0));
    select r.result into known from ilab.receipts r where r.request = grant_interviews.request;
    if known is not null then
        return known;
    end if;
    perform 1 from auth.users u where u.id = person and u.deleted_at is null for update;
    if not found then
        raise exception 'there is no such person any more' using errcode = 'IL001';
    end if;
    select coalesce(sum(e.remaining_interviews), 0) into balance from public.entitlements e
    where e.user_id = person and e.status = 'active' and (e.expires_at is null or e.expires_at > now());
    if balance <> planned_balance then
        raise exception 'the balance is % now, not %', balance, planned_balance using errcode = 'IL001';
    end if;
    if session is not null and exists (select 1 from public.entitlements e where e.stripe_session_id = session) then
        raise exception 'this Stripe session was granted before' using errcode = 'IL002';
    end if;
    insert into public.entitlements (user_id, type, status, tier, remaining_interviews, perks, stripe_session_id)
    values (person, 'interview_package', 'active', tier, interviews, perks, session)
    returning id into granted;
    insert into public.entitlement_history (user_id, entitlement_id, action, new_balance, metadata)
    values (person, granted, 'grant', balance + interviews,
            note || jsonb_build_object('manual', true, 'request', request));
    outcome := jsonb_build_object('entitlement', granted, 'before', balance, 'after', balance + interviews);
    insert into ilab.receipts (request, result) values (request, outcome);
    return outcome;
end $$;
