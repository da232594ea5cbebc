-- The database of the private server: extension and tables. May be run again.
CREATE EXTENSION IF NOT EXISTS medrec;
ALTER EXTENSION medrec UPDATE;
SELECT 'applied ' || version || ' ' || name FROM medrec.migrate();
