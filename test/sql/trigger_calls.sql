-- a trigger's function that is attached in another way than its own is refused, always with the same words and 39P01
\i test/sql-setup.psql
SELECT plan(47);
CREATE TABLE public.other (id integer);
INSERT INTO public.other VALUES (1);

-- what comes of a trigger on a table, and a statement that fires it; rolled back whatever it was
CREATE FUNCTION pg_temp.refused(clauses text, called text, statement text DEFAULT 'UPDATE public.other SET id = id') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TRIGGER a_first %s EXECUTE FUNCTION %s', clauses, called);
	EXECUTE statement;
	RAISE EXCEPTION 'done' USING ERRCODE = 'ZZ000';
EXCEPTION
	WHEN OTHERS THEN RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END
$$;
CREATE FUNCTION pg_temp.direct(called text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT ' || called;
	RETURN 'done';
EXCEPTION
	WHEN OTHERS THEN RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END
$$;
CREATE TEMP TABLE calls (function text, clauses text, arguments text, statement text, problem text);
INSERT INTO calls (function, clauses, arguments, statement, problem)
SELECT f, 'BEFORE UPDATE ON public.other FOR EACH STATEMENT', '', 'UPDATE public.other SET id = id', 'AFTER'
	FROM unnest(ARRAY['audit', 'touch', 'terminology_changed', 'care_team_changed', 'enrol']) AS f;
INSERT INTO calls VALUES
	('validate', 'AFTER UPDATE ON public.other FOR EACH ROW', '''patient''', 'UPDATE public.other SET id = id', 'BEFORE'),
	('validate', 'BEFORE UPDATE ON public.other FOR EACH STATEMENT', '''patient''', 'UPDATE public.other SET id = id', 'FOR EACH ROW'),
	('validate', 'BEFORE DELETE ON public.other FOR EACH ROW', '''patient''', 'DELETE FROM public.other', 'for INSERT or UPDATE'),
	('validate', 'BEFORE UPDATE ON public.other FOR EACH ROW', '', 'UPDATE public.other SET id = id', 'with 1 argument, not 0'),
	('validate', 'BEFORE UPDATE ON public.other FOR EACH ROW', '''account''', 'UPDATE public.other SET id = id', 'on table "medrec.account"'),
	('watch_number', 'AFTER UPDATE ON public.other FOR EACH ROW', '', 'UPDATE public.other SET id = id', 'BEFORE'),
	('watch_number', 'BEFORE UPDATE ON public.other FOR EACH STATEMENT', '', 'UPDATE public.other SET id = id', 'FOR EACH ROW'),
	('watch_number', 'BEFORE DELETE ON public.other FOR EACH ROW', '', 'DELETE FROM public.other', 'for INSERT or UPDATE'),
	('watch_number', 'BEFORE UPDATE ON public.other FOR EACH ROW', '''a''', 'UPDATE public.other SET id = id', 'with 0 arguments, not 1'),
	('watch_number', 'BEFORE UPDATE ON public.other FOR EACH ROW', '', 'UPDATE public.other SET id = id', 'on table "medrec.patient"'),
	('audit', 'AFTER UPDATE ON public.other FOR EACH ROW', '', 'UPDATE public.other SET id = id', 'FOR EACH STATEMENT'),
	('audit', 'AFTER UPDATE ON public.other FOR EACH STATEMENT', '', 'UPDATE public.other SET id = id', 'with REFERENCING OLD TABLE'),
	('audit', 'AFTER UPDATE ON public.other REFERENCING OLD TABLE AS o FOR EACH STATEMENT', '', 'UPDATE public.other SET id = id', 'with REFERENCING NEW TABLE'),
	('audit', 'AFTER DELETE ON public.other FOR EACH STATEMENT', '', 'DELETE FROM public.other', 'with REFERENCING OLD TABLE'),
	('audit', 'AFTER INSERT ON public.other FOR EACH STATEMENT', '', 'INSERT INTO public.other VALUES (2)', 'with REFERENCING NEW TABLE'),
	('touch', 'AFTER UPDATE ON public.other FOR EACH ROW', '', 'UPDATE public.other SET id = id', 'FOR EACH STATEMENT'),
	('touch', 'AFTER TRUNCATE ON public.other FOR EACH STATEMENT', '', 'TRUNCATE public.other', 'for INSERT, UPDATE or DELETE'),
	('touch', 'AFTER UPDATE ON public.other FOR EACH STATEMENT', '', 'UPDATE public.other SET id = id', 'with REFERENCING OLD TABLE'),
	('touch', 'AFTER INSERT ON public.other REFERENCING NEW TABLE AS n FOR EACH STATEMENT', '''a''', 'INSERT INTO public.other VALUES (2)', 'with 0 arguments, not 1'),
	('touch', 'AFTER INSERT ON public.other REFERENCING NEW TABLE AS n FOR EACH STATEMENT', '', 'INSERT INTO public.other VALUES (2)', 'on table "medrec.treatment"'),
	('terminology_changed', 'AFTER UPDATE ON public.other FOR EACH ROW', '', 'UPDATE public.other SET id = id', 'FOR EACH STATEMENT'),
	('terminology_changed', 'AFTER UPDATE ON public.other FOR EACH STATEMENT', '''a''', 'UPDATE public.other SET id = id', 'with 0 arguments, not 1'),
	('care_team_changed', 'AFTER UPDATE ON public.other FOR EACH STATEMENT', '''a''', 'UPDATE public.other SET id = id', 'with 0 arguments, not 1'),
	('enrol', 'AFTER INSERT ON public.other FOR EACH ROW', '', 'INSERT INTO public.other VALUES (2)', 'BEFORE'),
	('enrol', 'BEFORE UPDATE ON public.other FOR EACH ROW', '', 'UPDATE public.other SET id = id', 'for INSERT'),
	('enrol', 'AFTER INSERT ON public.other FOR EACH STATEMENT', '', 'INSERT INTO public.other VALUES (2)', 'with REFERENCING NEW TABLE'),
	('enrol', 'BEFORE INSERT ON public.other FOR EACH ROW', '', 'INSERT INTO public.other VALUES (2)', 'on table "medrec.patient"'),
	('audit_append_only', 'BEFORE UPDATE ON public.other FOR EACH ROW', '''a''', 'UPDATE public.other SET id = id', 'with 0 arguments, not 1');

SELECT is(pg_temp.refused(c.clauses, format('medrec.%I(%s)', c.function, c.arguments), c.statement), format('39P01 function "medrec.%s" must be fired %s', c.function, c.problem),
	c.function || ' ' || c.clauses || c.arguments) FROM calls AS c;
CREATE TEMP VIEW functions AS SELECT p.proname AS name FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
	WHERE p.pronamespace = 'medrec'::regnamespace AND p.prorettype = 'trigger'::regtype AND l.lanname = 'c';
SELECT is(pg_temp.direct(format('medrec.%I()', f.name)), format('39P01 function "medrec.%s" was not called by trigger manager', f.name), 'not called by a trigger: ' || f.name)
	FROM functions AS f ORDER BY f.name COLLATE "C";
SELECT set_eq('SELECT name FROM functions', 'SELECT function FROM calls', 'every trigger''s function in C is tried above');

-- event triggers
SELECT is(pg_temp.direct(format('medrec.%I()', f)), format('39P03 function "medrec.%s" was not called by event trigger manager', f), 'not called by an event trigger: ' || f)
	FROM unnest(ARRAY['allow_ddl', 'audit_ddl']) AS f;
CREATE FUNCTION pg_temp.event(called text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE EVENT TRIGGER a_first ON ddl_command_start EXECUTE FUNCTION %s', called);
	EXECUTE 'CREATE TABLE public.another (id integer)';
	RAISE EXCEPTION 'done' USING ERRCODE = 'ZZ000';
EXCEPTION
	WHEN OTHERS THEN RETURN concat_ws(' ', SQLSTATE, SQLERRM);
END
$$;
SELECT is(pg_temp.event(format('medrec.%I()', f)), format('39P03 function "medrec.%s" must be fired on ddl_command_end or sql_drop', f), 'fired on another event: ' || f)
	FROM unnest(ARRAY['allow_ddl', 'audit_ddl']) AS f;
SELECT set_eq($$SELECT p.proname FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
	WHERE p.pronamespace = 'medrec'::regnamespace AND p.prorettype = 'event_trigger'::regtype AND l.lanname = 'c'$$, ARRAY['allow_ddl', 'audit_ddl'], 'every event trigger''s function in C is tried above');

SELECT * FROM finish();
ROLLBACK;
