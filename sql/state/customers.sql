-- name: add
insert into customers (person, key, ref) values (%(person)s, %(key)s, %(ref)s) on conflict (person) do nothing;

-- name: ref
select ref from customers where person = %(person)s;

-- name: person
select person from customers where ref = %(ref)s;

-- name: forget
delete from customers where person = %(person)s;

-- name: remember
update customers set address = %(address)s where person = %(person)s;

-- name: address
select address from customers where person = %(person)s;

-- name: begun
select person from customers where address = %(address)s;
