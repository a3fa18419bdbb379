-- A change that needs no second person is a request like any other, of which nobody must approve.

alter table requests drop constraint requests_quorum_check;
alter table requests add constraint requests_quorum_check check (quorum >= 0);
