-- The description of the HTTP interface, as OpenAPI 3.1: read from the catalogs and the COMMENTs of schema medrec_api, and of JSON
-- from the schemas below.

CREATE FUNCTION medrec.openapi_schemas()
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $schemas$ SELECT '{
	"schemas": {
		"Issue": {
			"type": "object",
			"description": "What is wrong with a code or a release, after FHIR''s OperationOutcome.",
			"required": ["severity", "code", "text"],
			"properties": {
				"severity": {"type": "string", "enum": ["error", "warning", "information"]},
				"code": {"type": "string", "description": "Kind of the issue, after FHIR''s tx-issue-type where one fits.", "examples": ["invalid-code", "not-found", "code-rule"]},
				"text": {"type": "string"},
				"field": {"type": "string", "description": "Column or argument that it is about."}
			}
		},
		"Suggestion": {
			"type": "object",
			"description": "A code that may be meant.",
			"required": ["code"],
			"properties": {
				"code": {"type": "string"},
				"display": {"type": ["string", "null"]},
				"code_system": {"type": ["string", "null"]},
				"score": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
				"source": {"type": ["string", "null"]},
				"reason": {"type": ["string", "null"]}
			}
		},
		"Fault": {
			"type": "object",
			"description": "What is wrong with the request.",
			"required": ["field", "code", "text"],
			"properties": {
				"field": {"type": ["string", "null"], "description": "Column or argument."},
				"row": {"type": "integer", "minimum": 0, "description": "Which row of a list, from 0."},
				"code": {"type": "string", "description": "Kind of the fault, after FHIR''s issue-type.", "examples": ["required", "value", "invariant"]},
				"text": {"type": "string"}
			},
			"additionalProperties": true
		},
		"Error": {
			"type": "object",
			"required": ["code", "message", "details", "hint"],
			"properties": {
				"code": {"type": "string", "description": "SQLSTATE, HTTP status or PostgREST''s code.", "examples": ["22023", "23505", "401"]},
				"message": {"type": "string"},
				"details": {"description": "Every fault of the request, where they are known by field; else a text.",
					"oneOf": [{"type": "array", "items": {"$ref": "#/components/schemas/Fault"}}, {"type": "string"}, {"type": "null"}]},
				"hint": {"type": ["string", "null"]}
			}
		},
		"Context": {
			"type": "object",
			"description": "What is known around a code.",
			"properties": {
				"age": {"type": "integer", "minimum": 0, "maximum": 150, "description": "Age of the patient in years."},
				"gender": {"type": "string", "enum": ["male", "female", "other", "unknown"]},
				"role": {"type": "string", "enum": ["principal", "secondary"]},
				"codes": {"type": "array", "items": {"type": "string"}, "description": "The other codes of the visit."},
				"typing": {"type": "boolean", "description": "Whether the last word is unfinished."}
			}
		},
		"VisitRecord": {
			"type": "object",
			"required": ["code"],
			"properties": {
				"code": {"type": "string", "maxLength": 20},
				"description": {"type": ["string", "null"]},
				"code_system": {"type": ["string", "null"], "maxLength": 100},
				"suggestions": {"type": "array", "items": {"$ref": "#/components/schemas/Suggestion"}}
			}
		},
		"Visit": {
			"type": "object",
			"description": "A patient with diagnoses and treatments. {\"id\": ...} or {\"patient_id\": ...} alone names a patient, anything else makes one.",
			"required": ["patient"],
			"properties": {
				"patient": {
					"type": "object",
					"properties": {
						"id": {"type": "string", "format": "uuid"},
						"name": {"type": "string", "maxLength": 255},
						"age": {"type": ["integer", "null"], "minimum": 0, "maximum": 150},
						"gender": {"type": "string", "enum": ["male", "female", "other", "unknown"]},
						"patient_id": {"type": "string", "maxLength": 20},
						"birth_date": {"type": ["string", "null"], "format": "date"}
					}
				},
				"diagnoses": {"type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/VisitRecord"}},
				"treatments": {"type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/VisitRecord"}}
			},
			"examples": [{"patient": {"name": "Ada Moreau", "birth_date": "1961-04-12", "gender": "female", "patient_id": "P-1042"},
				"diagnoses": [{"code": "E11.9"}], "treatments": [{"code": "99213"}]}]
		},
		"StoredVisit": {
			"type": "object",
			"required": ["patient", "diagnoses", "treatments"],
			"properties": {
				"patient": {"$ref": "#/components/schemas/Patient"},
				"diagnoses": {"type": "array", "items": {"$ref": "#/components/schemas/Diagnosis"}},
				"treatments": {"type": "array", "items": {"$ref": "#/components/schemas/Treatment"}}
			}
		},
		"Token": {
			"type": "object",
			"required": ["token", "expires_at", "role"],
			"properties": {
				"token": {"type": "string", "description": "A JWT, to be sent as Authorization: Bearer."},
				"expires_at": {"type": "string", "format": "date-time"},
				"role": {"type": "string", "enum": ["admin", "clinician", "coder", "auditor"]}
			}
		},
		"Health": {
			"type": "object",
			"required": ["status", "time"],
			"properties": {
				"status": {"type": "string", "const": "ok"},
				"time": {"type": "string", "format": "date-time"},
				"version": {"type": "string", "description": "Version of the library; only with a token, and in the open demo."},
				"extension": {"type": ["string", "null"], "description": "Version of the objects in this database."},
				"postgresql": {"type": "string"},
				"warnings": {"type": "array", "items": {"type": "object"}}
			}
		},
		"OpenedPatient": {
			"type": "object",
			"required": ["patient", "expires_at"],
			"properties": {
				"patient": {"type": "string", "format": "uuid"},
				"expires_at": {"type": "string", "format": "date-time"}
			}
		},
		"Record": {"anyOf": [{"$ref": "#/components/schemas/Diagnosis"}, {"$ref": "#/components/schemas/Treatment"}]},
		"WhoAmI": {
			"type": "object",
			"description": "Who the request is from.",
			"required": ["account", "role", "token_expires", "rights", "functions"],
			"properties": {
				"account": {"type": ["string", "null"], "description": "Null without a token."},
				"role": {"type": "string"},
				"token_expires": {"type": ["string", "null"], "format": "date-time"},
				"rights": {"type": "object", "description": "By view, what may be done.",
					"additionalProperties": {"type": "array", "items": {"type": "string", "enum": ["read", "create", "change", "delete"]}}},
				"functions": {"type": "array", "items": {"type": "string"}}
			}
		},
		"Trial": {
			"type": "object",
			"description": "What storing the rows would do.",
			"required": ["valid", "rows", "faults"],
			"properties": {
				"valid": {"type": "boolean"},
				"rows": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}},
				"faults": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}}
			}
		},
		"Named": {
			"type": "object",
			"required": ["kind", "text"],
			"properties": {"kind": {"type": "string"}, "text": {"type": "string"}},
			"additionalProperties": true
		},
		"Neighbour": {
			"type": "object",
			"required": ["code"],
			"properties": {"code": {"type": "string"}, "display": {"type": ["string", "null"]}, "billable": {"type": ["boolean", "null"]}}
		},
		"Edit": {
			"type": "object",
			"description": "A rule of use of a code.",
			"required": ["rule"],
			"properties": {"rule": {"type": "string"}, "of_code": {"type": "string"}, "age_min": {"type": "integer"}, "age_max": {"type": "integer"}, "other_from": {"type": "string"},
				"other_to": {"type": "string"}, "text": {"type": "string"}, "valid_from": {"type": "string", "format": "date"}, "valid_to": {"type": "string", "format": "date"}},
			"additionalProperties": true
		},
		"Row": {"type": ["object", "null"], "description": "A row as it was, by column.", "additionalProperties": true},
		"Values": {"type": ["object", "null"], "description": "Values by column.", "additionalProperties": true},
		"Bundle": {"type": "object", "description": "FHIR R4 Bundle.", "required": ["resourceType"],
			"properties": {"resourceType": {"type": "string", "const": "Bundle"}}, "additionalProperties": true},
		"OpenApi": {"type": "object", "description": "This description.", "required": ["openapi", "info", "paths"],
			"properties": {"openapi": {"type": "string"}, "info": {"type": "object"}, "paths": {"type": "object"}}, "additionalProperties": true}
	},
	"json": {
		"issues": {"type": "array", "items": {"$ref": "#/components/schemas/Issue"}},
		"warnings": {"type": "array", "items": {"$ref": "#/components/schemas/Issue"}},
		"suggestions": {"type": "array", "items": {"$ref": "#/components/schemas/Suggestion"}},
		"context": {"$ref": "#/components/schemas/Context"},
		"visit": {"$ref": "#/components/schemas/Visit"},
		"old_values": {"$ref": "#/components/schemas/Values"},
		"new_values": {"$ref": "#/components/schemas/Values"},
		"record": {"$ref": "#/components/schemas/Row"},
		"terms": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Named"}},
		"notes": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Named"}},
		"edits": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Edit"}},
		"parents": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Neighbour"}},
		"children": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Neighbour"}},
		"rows": {"description": "An object, or an array of at most 10,000.", "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}
	},
	"answers": {
		"record_visit": {"$ref": "#/components/schemas/StoredVisit"},
		"accept_suggestion": {"$ref": "#/components/schemas/Record"},
		"add_suggestions": {"$ref": "#/components/schemas/Record"},
		"confirm": {"$ref": "#/components/schemas/Record"},
		"reject": {"$ref": "#/components/schemas/Record"},
		"login": {"$ref": "#/components/schemas/Token"},
		"change_password": {"$ref": "#/components/schemas/Token"},
		"health": {"$ref": "#/components/schemas/Health"},
		"break_glass": {"$ref": "#/components/schemas/OpenedPatient"},
		"as_of": {"$ref": "#/components/schemas/Row"},
		"audit_fhir": {"$ref": "#/components/schemas/Bundle"},
		"openapi": {"$ref": "#/components/schemas/OpenApi"},
		"whoami": {"$ref": "#/components/schemas/WhoAmI"},
		"check_patients": {"$ref": "#/components/schemas/Trial"},
		"check_diagnoses": {"$ref": "#/components/schemas/Trial"},
		"check_treatments": {"$ref": "#/components/schemas/Trial"},
		"check_accounts": {"$ref": "#/components/schemas/Trial"}
	},
	"never_null": {
		"suggest": ["code", "display", "score", "source", "reason"],
		"status_counts": ["table_name", "status", "count", "exact"],
		"ancestors": ["code", "level"],
		"descendants": ["code", "level"],
		"revalidate_batch": ["checked", "changed", "finished"],
		"lookup": ["code_system", "code", "display"],
		"verify_audit": ["kind"],
		"patient_history": ["logged_at", "action", "table_name"],
		"validate_code": ["result", "code", "issues"],
		"search_patients": ["id", "name", "gender", "patient_id", "last_visit", "matched"],
		"history": ["version", "era", "xid", "n", "logged_at", "action", "role", "session_role"],
		"verify_access": ["kind", "severity"],
		"verify_release": ["kind", "severity"],
		"audit_status": ["sealed_events", "unsealed_events", "horizon", "next_xid"]
	},
	"managed": ["last_visit", "validation_date", "validated_by", "issues", "created_at", "updated_at"],
	"optional": ["age"],
	"public": ["login", "health"],
	"examples": {
		"patients": {"name": "Ada Moreau", "age": 64, "gender": "female", "patient_id": "P-1042", "birth_date": "1961-04-12"},
		"diagnoses": {"patient_id": "7d1f0c52-6f0e-4a37-9a53-6f7c3d5e8a11", "code": "E11.9", "description": "Type 2 diabetes mellitus"},
		"treatments": {"patient_id": "7d1f0c52-6f0e-4a37-9a53-6f7c3d5e8a11", "code": "99213", "code_system": "CPT"},
		"accounts": {"username": "ann", "email": "ann@example.org", "role": "clinician"},
		"validate_code": {"code_system": "ICD-10-CM", "code": "e119"},
		"suggest": {"code_system": "ICD-10-CM", "display": "diabetis nefropathy", "max": 5},
		"search_patients": {"q": "moreau"},
		"login": {"username": "ann", "password": "correct horse battery"}
	},
	"tags": [
		{"name": "records", "description": "Patients, their diagnoses and treatments.",
			"paths": ["patients", "diagnoses", "treatments", "search_patients", "record_visit", "check_patients", "check_diagnoses", "check_treatments", "patient_history", "status_counts"]},
		{"name": "review", "description": "What people decide about a code.",
			"paths": ["accept_suggestion", "add_suggestions", "confirm", "reject"]},
		{"name": "codes", "description": "Code systems, their releases and codes; validation and suggestions.",
			"paths": ["codes", "code_systems", "code_releases", "validate_code", "suggest", "lookup", "ancestors", "descendants", "subsumes", "load_release", "unload_release", "verify_release", "revalidate_batch"]},
		{"name": "access", "description": "Accounts, tokens, care teams.",
			"paths": ["accounts", "care_teams", "care_team_members", "care_team_patients", "login", "logout", "change_password", "set_password", "revoke_tokens", "break_glass", "verify_access", "whoami", "check_accounts"]},
		{"name": "audit", "description": "Who did what, and proof that nothing of it was changed.",
			"paths": ["audit_events", "archived_audit_events", "audit_checkpoint", "audit_fhir", "audit_status", "audit_proof", "verify_audit", "history", "as_of"]},
		{"name": "service", "description": "The service itself.", "paths": ["health", "openapi", "table_sizes"]},
		{"name": "other", "description": "What this database has besides.", "paths": []}
	]
}'::pg_catalog.jsonb $schemas$;
COMMENT ON FUNCTION medrec.openapi_schemas() IS
'What medrec.openapi() cannot read from the catalogs, as an object: schemas (components by name), json (schemas of columns and arguments of type json by name), answers (schemas of JSON answers by function), never_null (columns of a function''s rows), managed (columns that only medrec sets), optional (columns that medrec can fill in), public (functions that need no token), examples, tags (each with the paths that it has). No arguments, no errors.';

CREATE FUNCTION medrec.openapi_type(type regtype, typmod integer, json jsonb, nullable boolean)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN $1 IN ('json'::regtype, 'jsonb'::regtype) THEN coalesce($3, '{}')
		WHEN $1 = 'bytea'::regtype THEN '{"type": "string", "description": "Bytes, written \\x and hexadecimal digits."}'
		ELSE pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
			'type', CASE WHEN $4 THEN pg_catalog.jsonb_build_array(t.type, 'null') ELSE pg_catalog.to_jsonb(t.type) END,
			'format', CASE $1 WHEN 'uuid'::regtype THEN 'uuid' WHEN 'integer'::regtype THEN 'int32' WHEN 'bigint'::regtype THEN 'int64'
				WHEN 'double precision'::regtype THEN 'double' WHEN 'date'::regtype THEN 'date' WHEN 'timestamptz'::regtype THEN 'date-time' END,
			'maxLength', CASE WHEN $1 = 'varchar'::regtype AND $2 > 4 THEN $2 - 4 END,
			'items', CASE WHEN t.type = 'array' THEN '{}'::jsonb END))
		END
	FROM (
		SELECT CASE y.typcategory WHEN 'A' THEN 'array' WHEN 'B' THEN 'boolean'
			WHEN 'N' THEN CASE WHEN $1 IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN 'integer' ELSE 'number' END
			ELSE 'string' END AS type
		FROM pg_catalog.pg_type AS y
		WHERE y.oid = $1
	) AS t;
END;
COMMENT ON FUNCTION medrec.openapi_type(regtype, integer, jsonb, boolean) IS
'The JSON Schema of a type as PostgREST writes it. type, typmod: as in pg_attribute; json: the schema if the type is json or jsonb; nullable: whether it may be null. No errors.';

CREATE FUNCTION medrec.openapi()
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH known AS MATERIALIZED (
		SELECT medrec.openapi_schemas() AS s
	-- the roles that a request can have
	), api_role AS MATERIALIZED (
		SELECT m.roleid AS oid
		FROM pg_auth_members AS m
		WHERE m.member = to_regrole('medrec_authenticator')
	), relation AS MATERIALIZED (
		SELECT c.oid, c.relname::text AS name, obj_description(c.oid, 'pg_class') AS comment,
			-- diagnoses: Diagnosis; code_releases: CodeRelease
			replace(initcap(CASE WHEN c.relname ~ 'oses$' THEN regexp_replace(c.relname, 'es$', 'is') WHEN c.relname ~ 'ies$' THEN regexp_replace(c.relname, 'ies$', 'y')
				ELSE regexp_replace(c.relname, '([^s])s$', '\1') END), '_', '') AS schema,
			EXISTS (SELECT FROM api_role AS r WHERE has_any_column_privilege(r.oid, c.oid, 'INSERT')) AND pg_relation_is_updatable(c.oid, false) & 8 <> 0 AS can_insert,
			EXISTS (SELECT FROM api_role AS r WHERE has_any_column_privilege(r.oid, c.oid, 'UPDATE')) AND pg_relation_is_updatable(c.oid, false) & 4 <> 0 AS can_update,
			-- a row has an address of its own
			EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'id' AND (a.atttypid IN ('uuid'::regtype, 'integer'::regtype, 'bigint'::regtype)
				OR a.atttypid = 'text'::regtype AND EXISTS (SELECT FROM pg_attribute AS e WHERE e.attrelid = c.oid AND e.attname = 'era'))) AS one,
			EXISTS (SELECT FROM api_role AS r WHERE has_table_privilege(r.oid, c.oid, 'DELETE')) AND pg_relation_is_updatable(c.oid, false) & 16 <> 0 AS can_delete
		FROM pg_class AS c
		WHERE c.relnamespace = to_regnamespace('medrec_api') AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND c.relname ~ '^\w{1,63}$'
			AND EXISTS (SELECT FROM api_role AS r WHERE has_any_column_privilege(r.oid, c.oid, 'SELECT'))
	-- the tables beneath the views: what of them may be null, and what values they take
	), base AS MATERIALIZED (
		SELECT DISTINCT r.oid, d.refobjid AS base
		FROM relation AS r
		JOIN pg_rewrite AS w ON w.ev_class = r.oid
		JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.oid
	), attribute AS MATERIALIZED (
		SELECT r.oid, r.name AS relation, a.attname::text AS name, a.attnum,
			coalesce(b.attnotnull, a.attnotnull) AS never_null,
			coalesce(b.atthasdef OR b.attidentity <> '', a.atthasdef, false) AS has_default,
			-- a table's own key that nobody gives
			coalesce(b.attidentity <> '', false) OR known.s -> 'managed' ? a.attname::text AS managed,
			known.s -> 'optional' ? a.attname::text AS optional,
			EXISTS (SELECT FROM api_role AS i WHERE has_column_privilege(i.oid, r.oid, a.attnum, 'INSERT')) AS can_insert,
			EXISTS (SELECT FROM api_role AS i WHERE has_column_privilege(i.oid, r.oid, a.attnum, 'UPDATE')) AS can_update,
			medrec.openapi_type(a.atttypid, CASE WHEN v.enum IS NULL THEN a.atttypmod ELSE -1 END, known.s -> 'json' -> a.attname::text, NOT coalesce(b.attnotnull, a.attnotnull))
				|| jsonb_strip_nulls(jsonb_build_object('description', col_description(r.oid, a.attnum), 'enum', v.enum, 'minimum', v.low, 'maximum', v.high,
					'minLength', CASE WHEN v.not_empty THEN 1 END)) AS schema
		FROM relation AS r
		CROSS JOIN known
		JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN LATERAL (
			SELECT t.attrelid, t.attnum, t.attnotnull, t.atthasdef, t.attidentity
			FROM base JOIN pg_attribute AS t ON t.attrelid = base.base AND t.attnum > 0
			WHERE base.oid = r.oid AND t.attname = a.attname AND t.atttypid = a.atttypid
			ORDER BY t.attrelid LIMIT 1
		) AS b ON true
		CROSS JOIN LATERAL (
			SELECT (array_agg(e.enum) FILTER (WHERE e.enum IS NOT NULL))[1] AS enum, max(e.range[1]::bigint) AS low, max(e.range[2]::bigint) AS high,
				coalesce(bool_or(e.not_empty), false) AS not_empty
			FROM (
				SELECT CASE WHEN d.def ~ '^CHECK \(\(\(?[a-z_]+\)?(::text)? = ANY \(' THEN
						(SELECT jsonb_agg(m[1]) FROM regexp_matches(d.def, '''((?:[^'']|'''')*)''::', 'g') AS m) END AS enum,
					(regexp_match(d.def, '^CHECK \(\(\([a-z_]+ >= (\d+)\) AND \([a-z_]+ <= (\d+)\)\)\)$')) AS range,
					d.def ~ '^CHECK \(\(\(?[a-z_]+\)?(::text)? <> ''''::text\)\)$' AS not_empty
				FROM pg_constraint AS c
				CROSS JOIN LATERAL (SELECT pg_get_constraintdef(c.oid) AS def) AS d
				WHERE c.conrelid = b.attrelid AND c.contype = 'c' AND c.conkey = ARRAY[b.attnum]
			) AS e
		) AS v
	), row_schema AS MATERIALIZED (
		SELECT r.oid, r.schema, r.comment,
			jsonb_object_agg(a.name, a.schema) AS properties,
			jsonb_agg(a.name ORDER BY a.attnum) AS names,
			jsonb_object_agg(a.name, a.schema) FILTER (WHERE a.can_insert AND NOT a.managed) AS insertable,
			coalesce(jsonb_agg(a.name ORDER BY a.attnum) FILTER (WHERE a.can_insert AND NOT a.managed AND a.never_null AND NOT a.has_default AND NOT a.optional), '[]') AS required,
			jsonb_object_agg(a.name, a.schema) FILTER (WHERE a.can_update AND NOT a.managed) AS updatable
		FROM relation AS r
		JOIN attribute AS a USING (oid)
		GROUP BY r.oid, r.schema, r.comment
	), schema AS (
		SELECT s.schema AS name, jsonb_build_object('type', 'object', 'description', s.comment, 'required', s.names, 'properties', s.properties) AS schema
		FROM row_schema AS s
		UNION ALL
		SELECT 'New' || s.schema, jsonb_strip_nulls(jsonb_build_object('type', 'object', 'description', 'What a client says of a new one: ' || s.comment,
				'required', s.required, 'properties', s.insertable, 'additionalProperties', false,
				'examples', CASE WHEN known.s -> 'examples' ? r.name THEN jsonb_build_array(known.s -> 'examples' -> r.name) END))
		FROM row_schema AS s
		JOIN relation AS r USING (oid)
		CROSS JOIN known
		WHERE r.can_insert
		UNION ALL
		SELECT s.schema || 'Change', jsonb_build_object('type', 'object', 'description', 'What a client changes: ' || s.comment,
			'properties', s.updatable, 'additionalProperties', false, 'minProperties', 1)
		FROM row_schema AS s
		JOIN relation AS r USING (oid)
		WHERE r.can_update
		UNION ALL
		SELECT e.key, e.value
		FROM known, jsonb_each(known.s -> 'schemas') AS e
	-- functions, but for computed columns and those that take what fits no other
	), function AS MATERIALIZED (
		SELECT p.oid, p.proname::text AS name, p.provolatile <> 'v' AS reads, obj_description(p.oid, 'pg_proc') AS comment, p.proretset AS rows, p.prorettype::regtype AS result,
			p.pronargs, p.pronargdefaults, p.proargnames, p.proargmodes, coalesce(p.proallargtypes, p.proargtypes::oid[]) AS types,
			known.s -> 'public' ? p.proname::text AS public
		FROM pg_proc AS p
		CROSS JOIN known
		WHERE p.pronamespace = to_regnamespace('medrec_api') AND p.prokind = 'f' AND p.proname ~ '^\w{1,63}$'
			-- what only the gateway calls
			AND coalesce(obj_description(p.oid, 'pg_proc'), '') NOT LIKE '(Not to be called: %'
			AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.reltype = p.proargtypes[0])
			AND EXISTS (SELECT FROM api_role AS r WHERE has_function_privilege(r.oid, p.oid, 'EXECUTE'))
	), argument AS MATERIALIZED (
		SELECT f.oid, a.i, coalesce(f.proargnames[a.i], '') AS name, a.type::regtype AS type, coalesce(f.proargmodes[a.i], 'i') AS mode,
			row_number() OVER (PARTITION BY f.oid, coalesce(f.proargmodes[a.i], 'i') IN ('i', 'b', 'v') ORDER BY a.i) > f.pronargs - f.pronargdefaults AS has_default,
			medrec.openapi_type(a.type, -1, known.s -> 'json' -> coalesce(nullif(f.proargnames[a.i], ''), f.name), false) AS schema,
			-- what may be left out may be null; so may what a row does not always have
			medrec.openapi_type(a.type, -1, known.s -> 'json' -> coalesce(nullif(f.proargnames[a.i], ''), f.name), true) AS or_null
		FROM function AS f
		CROSS JOIN known
		CROSS JOIN LATERAL unnest(f.types) WITH ORDINALITY AS a (type, i)
	), input AS MATERIALIZED (
		SELECT f.oid, bool_or(a.name = '') AS nameless, (array_agg(a.schema ORDER BY a.i))[1] AS first,
			(array_agg(a.type ORDER BY a.i))[1] = 'bytea'::regtype AS bytes,
			jsonb_object_agg(a.name, CASE WHEN a.has_default THEN a.or_null ELSE a.schema END) AS properties,
			coalesce(jsonb_agg(a.name ORDER BY a.i) FILTER (WHERE NOT a.has_default), '[]') AS required,
			jsonb_agg(jsonb_build_object('name', a.name, 'in', 'query', 'required', NOT a.has_default) || CASE WHEN a.type IN ('json'::regtype, 'jsonb'::regtype)
					THEN jsonb_build_object('content', jsonb_build_object('application/json', jsonb_build_object('schema', a.schema)))
					ELSE jsonb_build_object('schema', a.schema) END ORDER BY a.i) AS parameters
		FROM function AS f
		JOIN argument AS a ON a.oid = f.oid AND a.mode IN ('i', 'b', 'v')
		GROUP BY f.oid
	), answer AS MATERIALIZED (
		SELECT f.oid, CASE
				WHEN f.result = 'void'::regtype THEN NULL
				WHEN f.rows THEN jsonb_build_object('type', 'array', 'items', i.schema)
				ELSE i.schema END AS schema
		FROM function AS f
		CROSS JOIN known
		CROSS JOIN LATERAL (
			SELECT CASE
				WHEN known.s -> 'answers' ? f.name THEN known.s -> 'answers' -> f.name
				WHEN EXISTS (SELECT FROM argument AS a WHERE a.oid = f.oid AND a.mode IN ('t', 'o', 'b')) THEN (
					SELECT jsonb_build_object('type', 'object', 'required', jsonb_agg(a.name ORDER BY a.i),
						'properties', jsonb_object_agg(a.name, CASE WHEN known.s -> 'never_null' -> f.name ? a.name THEN a.schema ELSE a.or_null END))
					FROM argument AS a WHERE a.oid = f.oid AND a.mode IN ('t', 'o', 'b'))
				WHEN EXISTS (SELECT FROM relation AS r JOIN pg_class AS c USING (oid) WHERE c.reltype = f.result) THEN (
					SELECT jsonb_build_object('$ref', '#/components/schemas/' || r.schema) FROM relation AS r JOIN pg_class AS c USING (oid) WHERE c.reltype = f.result)
				ELSE medrec.openapi_type(f.result, -1, known.s -> 'json' -> f.name, false) END AS schema
		) AS i
	), failure AS MATERIALIZED (
		SELECT jsonb_object_agg(status, jsonb_build_object('$ref', '#/components/responses/' || name)) AS all,
			jsonb_object_agg(status, jsonb_build_object('$ref', '#/components/responses/' || name)) FILTER (WHERE status <> '409') AS reading
		FROM (VALUES ('400', 'BadRequest'), ('401', 'Unauthorized'), ('403', 'Forbidden'), ('404', 'NotFound'), ('409', 'Conflict'), ('429', 'TooManyRequests'), ('503', 'Unavailable')) AS e (status, name)
	), operation AS (
		SELECT '/' || r.name AS path, 'get' AS method, 'list_' || r.name AS id, r.name AS tag, r.comment, false AS public,
			jsonb_build_object('parameters', (
					SELECT jsonb_agg(jsonb_build_object('name', a.name, 'in', 'query', 'schema', '{"type": "string"}'::jsonb,
						'description', 'Filter: an operator, a dot and a value, such as eq.x, like.x*, in.(x,y), is.null, not.eq.x.') ORDER BY a.attnum)
					FROM attribute AS a WHERE a.oid = r.oid)
				|| '[{"$ref": "#/components/parameters/select"}, {"$ref": "#/components/parameters/order"}, {"$ref": "#/components/parameters/limit"},
					{"$ref": "#/components/parameters/offset"}, {"$ref": "#/components/parameters/prefer"}]',
				'responses', failure.reading || jsonb_build_object(
					'200', jsonb_build_object('description', 'The rows; with Accept: text/csv as a table.', 'headers', '{"Content-Range": {"$ref": "#/components/headers/Content-Range"}}'::jsonb, 'content', c.rows),
					'206', jsonb_build_object('description', 'Some of the rows: Content-Range says which.', 'headers', '{"Content-Range": {"$ref": "#/components/headers/Content-Range"}}'::jsonb, 'content', c.rows))) AS what
		FROM relation AS r
		CROSS JOIN failure
		CROSS JOIN LATERAL (SELECT jsonb_build_object('application/json', jsonb_build_object('schema', jsonb_build_object('type', 'array', 'items', jsonb_build_object('$ref', '#/components/schemas/' || r.schema)))) AS rows) AS c
		UNION ALL
		SELECT '/' || r.name, 'post', 'create_' || r.name, r.name, r.comment, false,
			jsonb_build_object('parameters', '[{"$ref": "#/components/parameters/prefer"}, {"$ref": "#/components/parameters/idempotency-key"}]'::jsonb,
				'requestBody', jsonb_build_object('required', true, 'content', jsonb_build_object(
					'application/json', jsonb_build_object('schema', jsonb_build_object('oneOf', jsonb_build_array(n.ref, jsonb_build_object('type', 'array', 'items', n.ref)))))),
				'responses', failure.all || jsonb_build_object('422', '{"$ref": "#/components/responses/KeyReused"}'::jsonb,
					'201', jsonb_build_object('description', 'What was stored: an object where one was sent and no return= wanted, else a list.',
					'headers', '{"Location": {"$ref": "#/components/headers/Location"}, "ETag": {"$ref": "#/components/headers/ETag"}}'::jsonb, 'content', jsonb_build_object('application/json', jsonb_build_object('schema', jsonb_build_object('oneOf', jsonb_build_array(o.ref, jsonb_build_object('type', 'array', 'items', o.ref))))))))
		FROM relation AS r
		CROSS JOIN failure
		CROSS JOIN LATERAL (SELECT jsonb_build_object('$ref', '#/components/schemas/New' || r.schema) AS ref) AS n
		CROSS JOIN LATERAL (SELECT jsonb_build_object('$ref', '#/components/schemas/' || r.schema) AS ref) AS o
		WHERE r.can_insert
		UNION ALL
		SELECT '/' || r.name, m.method, m.verb || '_' || r.name, r.name, r.comment, false,
			jsonb_build_object('parameters', (
					SELECT jsonb_agg(jsonb_build_object('name', a.name, 'in', 'query', 'schema', '{"type": "string"}'::jsonb,
						'description', 'Filter; one at least is needed.') ORDER BY a.attnum)
					FROM attribute AS a WHERE a.oid = r.oid) || '[{"$ref": "#/components/parameters/prefer"}]',
				'responses', failure.all || jsonb_build_object('200', jsonb_build_object('description', m.result,
					'content', jsonb_build_object('application/json', jsonb_build_object('schema', jsonb_build_object('type', 'array', 'items', jsonb_build_object('$ref', '#/components/schemas/' || r.schema)))))))
			|| CASE WHEN m.method = 'patch' THEN jsonb_build_object('requestBody', jsonb_build_object('required', true, 'content',
				jsonb_build_object('application/json', jsonb_build_object('schema', jsonb_build_object('$ref', '#/components/schemas/' || r.schema || 'Change'))))) ELSE '{}' END
		FROM relation AS r
		CROSS JOIN failure
		CROSS JOIN (VALUES ('patch', 'change', 'The rows as they are now.'), ('delete', 'delete', 'The rows that were deleted.')) AS m (method, verb, result)
		WHERE CASE m.method WHEN 'patch' THEN r.can_update ELSE r.can_delete END
		UNION ALL
		SELECT '/' || r.name || '/{id}', m.method, m.verb || r.schema, r.name, r.comment, false,
			jsonb_build_object('parameters', jsonb_build_array(jsonb_build_object('name', 'id', 'in', 'path', 'required', true,
					'schema', (SELECT medrec.openapi_type(a.atttypid, -1, NULL, false) FROM pg_attribute AS a WHERE a.attrelid = r.oid AND a.attname = 'id')))
					|| CASE WHEN m.method = 'get' THEN '[{"$ref": "#/components/parameters/select"}, {"$ref": "#/components/parameters/if-none-match"}]'::jsonb
						ELSE '[{"$ref": "#/components/parameters/if-match"}]'::jsonb END,
				'responses', failure.all - CASE WHEN m.method = 'get' THEN '409' ELSE '' END
					|| CASE WHEN m.method = 'get' THEN '{"304": {"description": "It has the version that If-None-Match names."}}'::jsonb
						ELSE '{"412": {"$ref": "#/components/responses/PreconditionFailed"}}'::jsonb END
					|| CASE WHEN m.method = 'delete' THEN '{"204": {"description": "It is deleted."}}'::jsonb
						ELSE jsonb_build_object('200', jsonb_build_object('description', 'It, as it is now.', 'headers', '{"ETag": {"$ref": "#/components/headers/ETag"}}'::jsonb,
							'content', jsonb_build_object('application/json', jsonb_build_object('schema', jsonb_build_object('$ref', '#/components/schemas/' || r.schema))))) END)
			|| CASE WHEN m.method IN ('put', 'patch') THEN jsonb_build_object('requestBody', jsonb_build_object('required', true, 'content', jsonb_build_object('application/json',
				jsonb_build_object('schema', jsonb_build_object('$ref', '#/components/schemas/' || CASE m.method WHEN 'put' THEN 'New' || r.schema ELSE r.schema || 'Change' END))))) ELSE '{}' END
		FROM relation AS r
		CROSS JOIN failure
		CROSS JOIN (VALUES ('get', 'read'), ('put', 'replace'), ('patch', 'change'), ('delete', 'delete')) AS m (method, verb)
		WHERE r.one AND CASE m.method WHEN 'get' THEN true WHEN 'put' THEN r.can_insert AND r.can_update WHEN 'patch' THEN r.can_update ELSE r.can_delete END
		UNION ALL
		SELECT '/rpc/' || f.name, m.method, f.name || m.suffix, f.name, f.comment, f.public,
			jsonb_build_object('responses', CASE WHEN f.reads THEN failure.reading ELSE failure.all END || CASE WHEN a.schema IS NULL
				THEN '{"204": {"description": "Done."}}'
				ELSE jsonb_build_object('200', jsonb_build_object('description', 'The answer.', 'content', jsonb_build_object('application/json', jsonb_build_object('schema', a.schema)))) END)
			|| CASE
				WHEN i.oid IS NULL THEN '{}'::jsonb
				WHEN m.method = 'get' THEN jsonb_build_object('parameters', i.parameters)
				ELSE jsonb_build_object('requestBody', jsonb_build_object('required', i.required <> '[]', 'content', CASE
					WHEN i.nameless AND i.bytes THEN '{"application/octet-stream": {"schema": {}}}'
					WHEN i.nameless THEN jsonb_build_object('application/json', jsonb_build_object('schema', i.first))
					ELSE jsonb_build_object('application/json', jsonb_strip_nulls(jsonb_build_object('schema', jsonb_build_object('type', 'object',
						'properties', i.properties, 'required', i.required, 'additionalProperties', false), 'example', known.s -> 'examples' -> f.name))) END)) END
		FROM function AS f
		CROSS JOIN known
		CROSS JOIN failure
		JOIN answer AS a USING (oid)
		LEFT JOIN input AS i USING (oid)
		CROSS JOIN (VALUES ('post', ''), ('get', '_by_get')) AS m (method, suffix)
		WHERE m.method = 'post' OR f.reads AND NOT coalesce(i.nameless, false)
		UNION ALL
		-- a release's file, which upload_release() loads (gateway/upload.inc)
		SELECT '/releases/{code_system}/{version}', 'put', 'upload_release', 'load_release',
			'Loads a release of a code system from the file in the body, of up to 1 GB. Otherwise like rpc/load_release.', false,
			jsonb_build_object('parameters', '[{"name": "code_system", "in": "path", "required": true, "schema": {"type": "string"}}, {"name": "version", "in": "path", "required": true, "schema": {"type": "string"}},
					{"name": "effective_from", "in": "query", "required": true, "schema": {"type": "string", "format": "date"}}, {"name": "format", "in": "query", "schema": {"type": "string"}},
					{"name": "source", "in": "query", "schema": {"type": "string"}}]'::jsonb,
				'requestBody', '{"required": true, "content": {"application/octet-stream": {"schema": {}}}}'::jsonb,
				'responses', failure.all || jsonb_build_object('200', jsonb_build_object('description', 'The release.',
					'content', jsonb_build_object('application/json', jsonb_build_object('schema', jsonb_build_object('$ref', '#/components/schemas/' || r.schema))))))
		FROM failure
		JOIN relation AS r ON r.name = 'code_releases'
		WHERE to_regprocedure('medrec_api.upload_release()') IS NOT NULL
	), path AS (
		SELECT o.path, jsonb_object_agg(o.method, o.what || jsonb_build_object('operationId', o.id,
				'summary', left(regexp_replace(split_part(o.comment, '. ', 1), '\.$', ''), 120), 'description', o.comment,
				'tags', jsonb_build_array(coalesce((SELECT t ->> 'name' FROM jsonb_array_elements(known.s -> 'tags') AS t WHERE t -> 'paths' ? o.tag), 'other')))
			|| CASE WHEN o.public THEN '{"security": []}'::jsonb ELSE '{}' END) AS what
		FROM operation AS o
		CROSS JOIN known
		GROUP BY o.path
	)
	SELECT jsonb_build_object(
		'openapi', '3.1.0',
		'info', jsonb_build_object('title', 'medrec', 'version', medrec.version(),
			'description', obj_description(to_regnamespace('medrec_api'), 'pg_namespace'),
			'license', '{"name": "PostgreSQL License", "identifier": "PostgreSQL"}'::jsonb),
		'servers', '[{"url": "/api"}]'::jsonb,
		-- in the open demo a request without a token has a role
		'security', CASE WHEN current_setting('request.jwt.claims', true) !~ '"exp"' AND current_setting('request.jwt.claims', true) ~ '"role"'
			THEN '[{}, {"token": []}]'::jsonb ELSE '[{"token": []}]'::jsonb END,
		'tags', (SELECT jsonb_agg(t - 'paths' ORDER BY i) FROM known, jsonb_array_elements(known.s -> 'tags') WITH ORDINALITY AS e (t, i)),
		'paths', (SELECT jsonb_object_agg(p.path, p.what) FROM path AS p),
		'components', jsonb_build_object(
			'schemas', (SELECT jsonb_object_agg(s.name, s.schema) FROM schema AS s),
			'securitySchemes', '{"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "From rpc/login."}}'::jsonb,
			'responses', (SELECT jsonb_object_agg(e.name, jsonb_build_object('description', e.text,
					'content', '{"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}'::jsonb))
				FROM (VALUES ('BadRequest', 'What was sent is wrong; nothing is stored.'), ('Unauthorized', 'No token, or one that does not count.'),
					('Forbidden', 'The role may not do this.'), ('NotFound', 'There is no such thing, or not for this account.'),
					('Conflict', 'Another has it, refers to it or has changed it.'), ('PreconditionFailed', 'It has another version than If-Match names.'),
					('KeyReused', 'The Idempotency-Key was used for another request.'), ('TooManyRequests', 'Wait a moment.'),
					('Unavailable', 'The service is not ready.')) AS e (name, text)),
			'headers', '{"Content-Range": {"description": "Which rows these are, and of how many where a count was asked for.", "schema": {"type": "string"}},
				"ETag": {"description": "Its version; only of one record.", "schema": {"type": "string"}}, "Location": {"description": "Its address; only of one record.", "schema": {"type": "string"}}}'::jsonb,
			'parameters', '{
				"select": {"name": "select", "in": "query", "schema": {"type": "string"}, "description": "Columns, and what to embed, such as id,name,diagnoses(code,status). The rows then have these and no others."},
				"order": {"name": "order", "in": "query", "schema": {"type": "string"}, "description": "Columns, each with .asc or .desc, .nullsfirst or .nullslast."},
				"limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 0}, "description": "How many rows at most; 10,000 are never exceeded."},
				"offset": {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0}, "description": "How many rows to pass over."},
				"if-match": {"name": "If-Match", "in": "header", "schema": {"type": "string"}, "description": "The ETag of the version that is meant: if it has another, nothing is done (412)."},
				"if-none-match": {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}, "description": "The ETag of the version that is known already (304)."},
				"idempotency-key": {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}, "description": "A key of the client''s own: the same request with the same key is done once, and answered alike for a day."},
				"prefer": {"name": "Prefer", "in": "header", "schema": {"type": "string"}, "description": "count=exact for the number of all rows; return=minimal for no rows."}}'::jsonb))
$$;
COMMENT ON FUNCTION medrec.openapi() IS
'The HTTP interface as an OpenAPI 3.1 document: every view and function of schema medrec_api that some role may use, with columns, required fields, enumerations, examples, answers and errors. The same for every role. No arguments, no errors. Source: https://spec.openapis.org/oas/v3.1.0';
REVOKE ALL ON FUNCTION medrec.openapi_schemas(), medrec.openapi_type(regtype, integer, jsonb, boolean), medrec.openapi() FROM PUBLIC;
