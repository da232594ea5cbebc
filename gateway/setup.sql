-- What an installation that requires tokens needs beyond medrec.migrate(). May be run again.

-- Nobody connects to this database because he is somebody, or makes temporary tables in it.
SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO medrec_authenticator', current_database()) \gexec

-- Nor does an SQL session of one of medrec's roles fill the disk with large objects, or wait for and hold advisory locks,
-- medrec's own among them. What other users of this database need of these is to be granted to them.
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', p.oid::regprocedure)
FROM pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ '^(lo_.*|loread|lowrite|pg_(try_)?advisory_.*)$' \gexec
GRANT EXECUTE ON FUNCTION pg_catalog.pg_advisory_xact_lock(integer, integer) TO medrec_gatekeeper, medrec_admin;

-- How long a request may take. PostgREST sets these for the role that a request becomes.
ALTER ROLE medrec_anon SET statement_timeout = '10s';
ALTER ROLE medrec_clinician SET statement_timeout = '30s';
ALTER ROLE medrec_coder SET statement_timeout = '30s';
ALTER ROLE medrec_auditor SET statement_timeout = '60s';
-- loads releases; nginx waits 120 seconds
ALTER ROLE medrec_admin SET statement_timeout = '110s';
-- and for the authenticator itself, whatever it becomes
ALTER ROLE medrec_authenticator SET statement_timeout = '110s';
ALTER ROLE medrec_authenticator SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE medrec_authenticator SET lock_timeout = '10s';

-- the open demo's role has no place beside tokens
SELECT 'REVOKE medrec_demo FROM medrec_authenticator'
WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = 'medrec_demo') \gexec
