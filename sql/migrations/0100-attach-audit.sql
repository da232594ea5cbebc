-- Auditing a user's own table: by its owner, if that is a member of medrec_admin. The owner creates the triggers,
-- which needs the right to execute the function that they call.
GRANT EXECUTE ON FUNCTION medrec.audit(), medrec.audit_arguments(regclass, name, name[]),
	medrec.attach_audit(regclass, name, name[]), medrec.detach_audit(regclass) TO medrec_admin;
