-- The language in which an interview is held; those before it were in English.
alter table public.sessions add column language text not null default 'en';
create index sessions_language_idx on public.sessions (language) where language <> 'en';
