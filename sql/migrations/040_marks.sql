-- Which entry marks a message: edits and reactions name only the message.
create index timeline_marked on timeline (key text_pattern_ops) where kind = 'marked';
