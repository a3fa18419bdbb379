-- Whom our own tables speak of: everywhere else a customer is `ref`, a hash under a key of that person. Taking the row
-- away leaves hashes that lead nowhere, also in what can never be changed: the audit, and copies of this database.

create table customers (
    person text        primary key,              -- the product's id of the account
    key    bytea       not null,
    ref    text        not null unique
);
