-- The database of the private server: extension and tables. May be run again.
CREATE EXTENSION IF NOT EXISTS medrec;
ALTER EXTENSION medrec UPDATE;
SELECT format('%s steps applied, the last is %s %s', count(*), max(version), (array_agg(name ORDER BY version DESC))[1])
FROM medrec.migrate() HAVING count(*) > 0;
