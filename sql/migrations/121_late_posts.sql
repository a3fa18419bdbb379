-- After an outage stale reminders are dropped, and the rest of a stream is told in one message.

alter table posts
    add column reminder  boolean     not null default false,
    add column stored_at timestamptz not null default now();  -- real time: by it, and no deadline, a post is late
