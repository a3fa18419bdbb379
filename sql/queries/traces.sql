-- Where a customer has left something, table by table: see sql/product/006_erasure.sql.
select relation, kind, way, rows from ilab.traces(%(person)s::uuid, %(address)s) order by kind, relation;
