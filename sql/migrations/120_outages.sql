-- What failed because somebody was silent is tried again by itself, and the card says so.

alter table steps add column again boolean not null default false;
