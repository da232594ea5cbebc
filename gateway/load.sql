-- Loads one release of codes; gateway/medrec load passes the variables.
BEGIN;
\lo_import :file
SELECT * FROM medrec.load_release(:'system', :'version', :'from'::date,
	lo_get(:LASTOID), :'format', :'source');
\o /dev/null
SELECT lo_unlink(:LASTOID);
COMMIT;
