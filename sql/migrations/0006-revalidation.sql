-- Runs of medrec.revalidate(): what lets a run that was broken off go on.

CREATE TABLE medrec.revalidation (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	code_system varchar(20) COLLATE "C" NOT NULL,
	since date NOT NULL,
	generation bigint NOT NULL,
	kind varchar(20) COLLATE "C" NOT NULL DEFAULT 'diagnosis',
	last_id uuid,
	checked bigint NOT NULL DEFAULT 0,
	changed bigint NOT NULL DEFAULT 0,
	started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	finished_at timestamptz,
	CONSTRAINT revalidation_code_system_check CHECK (medrec.is_code_system(code_system)),
	CONSTRAINT revalidation_kind_check CHECK (kind IN ('diagnosis', 'treatment'))
);
CREATE UNIQUE INDEX revalidation_open_idx ON medrec.revalidation (code_system, since, generation)
	WHERE finished_at IS NULL;
COMMENT ON TABLE medrec.revalidation IS 'Runs of medrec.revalidate() and how far each has come.';
COMMENT ON COLUMN medrec.revalidation.id IS 'Number of the run.';
COMMENT ON COLUMN medrec.revalidation.code_system IS 'Name of the code system.';
COMMENT ON COLUMN medrec.revalidation.since IS 'Records made before this day are left out; -infinity: none is.';
COMMENT ON COLUMN medrec.revalidation.generation IS 'State of the terminologies that the records are judged by; a run of an older state is not gone on with.';
COMMENT ON COLUMN medrec.revalidation.kind IS 'Table that the run is at: diagnosis, then treatment.';
COMMENT ON COLUMN medrec.revalidation.last_id IS 'Last record of that table that it has looked at.';
COMMENT ON COLUMN medrec.revalidation.checked IS 'Number of records judged anew.';
COMMENT ON COLUMN medrec.revalidation.changed IS 'Number of those that were judged differently.';
COMMENT ON COLUMN medrec.revalidation.started_at IS 'When the run began.';
COMMENT ON COLUMN medrec.revalidation.updated_at IS 'When its last batch was done.';
COMMENT ON COLUMN medrec.revalidation.finished_at IS 'When it was through; null before.';

-- who may change a record's code may have it judged
GRANT SELECT, INSERT, UPDATE ON medrec.revalidation TO medrec_coder;
GRANT SELECT ON medrec.revalidation TO medrec_auditor, medrec_admin;
GRANT EXECUTE ON PROCEDURE medrec.revalidate(text, date, integer) TO medrec_coder;
GRANT EXECUTE ON FUNCTION medrec.revalidate_batch(text, date, integer) TO medrec_coder;
