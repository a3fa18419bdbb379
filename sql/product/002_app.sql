-- InterviewLab's own tables, as its runbook implies them. Runs after 001; safe to run again.

create table if not exists public.entitlements (
  id uuid not null primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  type text not null check (type in ('interview_package', 'subscription', 'exemption')),
  status text not null default 'active' check (status in ('active', 'used', 'expired', 'revoked')),
  tier text,
  remaining_interviews integer not null default 0 check (remaining_interviews >= 0),
  perks jsonb not null default '{}',
  stripe_session_id text,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index if not exists entitlements_user_id_idx on public.entitlements (user_id);
-- Not unique: nothing but the app's own care keeps one Stripe session from being granted twice.
create index if not exists entitlements_stripe_session_id_idx on public.entitlements (stripe_session_id);

create table if not exists public.entitlement_history (
  id uuid not null primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  entitlement_id uuid not null references public.entitlements (id) on delete cascade,
  action text not null check (action in ('purchase', 'grant', 'consume', 'refund', 'expire', 'revoke')),
  new_balance integer not null,
  metadata jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create index if not exists entitlement_history_user_id_idx on public.entitlement_history (user_id);
create index if not exists entitlement_history_entitlement_id_idx on public.entitlement_history (entitlement_id);
create index if not exists entitlement_history_created_at_idx on public.entitlement_history (created_at desc);

create table if not exists public.sessions (
  id uuid not null primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  mode text not null check (mode in ('text', 'voice')),
  status text not null default 'in_progress' check (status in ('in_progress', 'completed', 'abandoned', 'failed')),
  plan_tier text,
  job_title text,
  company_name text,
  created_at timestamptz not null default now(),
  completed_at timestamptz
);
create index if not exists sessions_user_id_created_at_idx on public.sessions (user_id, created_at desc);
create index if not exists sessions_created_at_idx on public.sessions (created_at desc);

create table if not exists public.turns (
  id uuid not null primary key default gen_random_uuid(),
  session_id uuid not null references public.sessions (id) on delete cascade,
  position integer not null,
  question text,
  answer text,
  prompt_chars integer,
  generation_ms integer,
  error text,
  created_at timestamptz not null default now(),
  unique (session_id, position)
);

create table if not exists public.exemption_codes (
  code text not null primary key,
  tier text,
  interviews integer not null check (interviews > 0),
  remaining_uses integer not null check (remaining_uses >= 0),
  expires_at timestamptz,
  -- No cascade: who made a code cannot be deleted while the code is there.
  created_by uuid references auth.users (id),
  created_at timestamptz not null default now()
);

alter table public.entitlements enable row level security;
alter table public.entitlement_history enable row level security;
alter table public.sessions enable row level security;
alter table public.turns enable row level security;
alter table public.exemption_codes enable row level security;

do $$
declare
  holder text;
begin
  for holder in
    select rolname from pg_roles where rolname in ('anon', 'authenticated', 'service_role')
  loop
    execute format('grant select, insert, update, delete on all tables in schema public to %I', holder);
  end loop;
end;
$$;

drop policy if exists "own entitlements" on public.entitlements;
create policy "own entitlements" on public.entitlements for select using (auth.uid() = user_id);
drop policy if exists "own history" on public.entitlement_history;
create policy "own history" on public.entitlement_history for select using (auth.uid() = user_id);
drop policy if exists "own sessions" on public.sessions;
create policy "own sessions" on public.sessions for all using (auth.uid() = user_id) with check (auth.uid() = user_id);
drop policy if exists "own turns" on public.turns;
create policy "own turns" on public.turns for select
  using (exists (select from public.sessions s where s.id = session_id and s.user_id = auth.uid()));
