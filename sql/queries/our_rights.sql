-- What our role may do with what a grant reads and writes, and whether the sessions' index stands.
select current_user as role,
       array(select table_name || ': ' || upper(privilege)
             from (values ('public.entitlements', 'select'), ('public.entitlements', 'insert'),
                          ('public.entitlements', 'update'), ('public.entitlement_history', 'select'),
                          ('public.entitlement_history', 'insert'), ('auth.users', 'select'), ('auth.users', 'update'),
                          ('ilab.receipts', 'select'), ('ilab.receipts', 'insert'))
                  as needed (table_name, privilege)
             where to_regclass(table_name) is not null
                 and not coalesce(has_table_privilege(to_regclass(table_name), privilege), false)) as lacking,
       to_regclass('public.entitlements_one_a_stripe_session') is not null as indexed;
