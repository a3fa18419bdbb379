-- Whether the product's database holds what a deletion asks: sql/product/006_erasure.sql.
select to_regprocedure('ilab.traces(uuid, text)') is not null as ready;
