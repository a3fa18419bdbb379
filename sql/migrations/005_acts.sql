-- What a request that changes our own state has answered, written in the transaction of the change: run again after a
-- crash, it changes nothing and answers the same.
create table acts (
    key       text        not null,     -- of the payload
    operation text        not null,
    answer    jsonb,                    -- null: it was of a kind that is kept nowhere, such as a secret
    at        timestamptz not null,
    primary key (key, operation)
);
create index acts_at on acts (at);
