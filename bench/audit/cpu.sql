-- CPU of one backend per row, in interleaved rounds of which the least counts: for a machine that others use, too.
--   createdb x && psql -d x -c 'CREATE EXTENSION medrec CASCADE' -c 'SELECT FROM medrec.migrate()' -f bench/audit/schema.sql -f bench/audit/cpu.sql
create temp table r(v text, ns bigint);
create function pg_temp.cpu() returns bigint language sql as $$ select split_part(pg_read_file('/proc/'||pg_backend_pid()||'/schedstat'),' ',1)::bigint $$;
do $$ declare v text; c bigint; begin
for k in 1..25 loop foreach v in array array['none','medrec','plpgsql_row','plpgsql_statement'] loop
 c := pg_temp.cpu();
 for i in 1..1500 loop execute format('insert into bench.t_%s(patient_id,code,description) values (gen_random_uuid(),''E11.9'',''Type 2 diabetes mellitus without complications'')',v); end loop;
 insert into r values(v, pg_temp.cpu()-c);
end loop; commit; end loop; end $$;
select v, round(min(ns)/1500.0/1000,1) as min_us, round((percentile_cont(0.25) within group (order by ns))::numeric/1500.0/1000,1) as q1_us, round(min(ns)*1.0/(select min(ns) from r where v='none'),2) as x from r group by v order by 2;
truncate r;
do $$ declare v text; c bigint; begin
for k in 1..15 loop foreach v in array array['none','medrec','plpgsql_row','plpgsql_statement'] loop
 c := pg_temp.cpu();
 for i in 1..3 loop execute format('insert into bench.t_%s(patient_id,code,description) select gen_random_uuid(),''E11.9'',''Type 2 diabetes mellitus without complications'' from generate_series(1,1000)',v); end loop;
 insert into r values(v, pg_temp.cpu()-c);
end loop; commit; end loop; end $$;
select 'bulk '||v, round(min(ns)/3000.0/1000,1) as min_us, round((percentile_cont(0.25) within group (order by ns))::numeric/3000.0/1000,1) as q1_us, round(min(ns)*1.0/(select min(ns) from r where v='none'),2) as x from r group by v order by 2;
