-- One migration at a time: held until this session ends.
select pg_try_advisory_lock(hashtextextended('ilab migrations', 0)) as mine;
