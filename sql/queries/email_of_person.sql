-- The e-mail address of a customer.
select email from auth.users where id = %(person)s::uuid and deleted_at is null;
