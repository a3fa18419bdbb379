-- Somebody renamed the table on their own machine only: this fails on staging.
alter table public.sessions drop column company_name;
update public.interview_reports set summary = left(summary, 2000);
