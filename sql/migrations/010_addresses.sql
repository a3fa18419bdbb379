-- What Slack says somebody's e-mail address is: PagerDuty knows people by it. The old bot writes none, and asks for none.
alter table people add column email text not null default '';
