-- A customer's balance: the interviews left in all active entitlements.
select coalesce(sum(remaining_interviews), 0)::int as balance from entitlements
where user_id = %(person)s::uuid and status = 'active' and (expires_at is null or expires_at > now());
