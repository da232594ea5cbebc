-- The open demo. May be run again. A caller without a token gets this role, and everything is open to it: the demo has no login.
SELECT format('CREATE ROLE %I %s', name, attributes)
FROM (VALUES ('medrec_authenticator', 'LOGIN NOINHERIT'), ('medrec_demo', 'LOGIN INHERIT')) AS role (name, attributes)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
GRANT medrec_clinician, medrec_coder, medrec_auditor, medrec_admin TO medrec_demo;
GRANT medrec_demo TO medrec_authenticator;
SELECT format('GRANT CONNECT ON DATABASE %I TO medrec_demo, medrec_authenticator', current_database()) \gexec
-- nginx waits 120 seconds; nothing goes on for a client that is told so
ALTER ROLE medrec_authenticator SET statement_timeout = '110s';
ALTER ROLE medrec_authenticator SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE medrec_authenticator SET lock_timeout = '10s';
