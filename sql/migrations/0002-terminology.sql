-- Loaded terminologies. A row of "code" says how a code stood from one release to
-- the next: consecutive releases that agree on a code share its row, so that ten
-- yearly releases take little more room and time than one.

CREATE TABLE medrec.code_release (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	code_system varchar(20) COLLATE "C" NOT NULL,
	version varchar(50) COLLATE "C" NOT NULL,
	content varchar(20) COLLATE "C" NOT NULL DEFAULT 'codes',
	effective_from date NOT NULL,
	effective_to date,
	format varchar(30) NOT NULL,
	source varchar(255),
	sha256 bytea NOT NULL,
	rows integer NOT NULL,
	loaded_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	loaded_by varchar(255) NOT NULL,
	CONSTRAINT code_release_key UNIQUE (code_system, version, content),
	CONSTRAINT code_release_code_system_check CHECK (medrec.is_code_system(code_system)),
	CONSTRAINT code_release_content_check CHECK (content IN
		('codes', 'terms', 'index', 'index-drugs', 'index-neoplasms', 'index-external', 'edits')),
	CONSTRAINT code_release_period_check CHECK (effective_to > effective_from),
	CONSTRAINT code_release_sha256_check CHECK (pg_catalog.octet_length(sha256) = 32),
	CONSTRAINT code_release_rows_check CHECK (rows >= 0)
);
COMMENT ON TABLE medrec.code_release IS 'Releases of code systems that medrec.load_release() has loaded.';
COMMENT ON COLUMN medrec.code_release.id IS 'Number of the release.';
COMMENT ON COLUMN medrec.code_release.code_system IS 'Name of the code system, such as ICD-10-CM.';
COMMENT ON COLUMN medrec.code_release.version IS 'Version as its publisher names it, such as 2025.';
COMMENT ON COLUMN medrec.code_release.content IS 'What the file holds: codes, terms (inclusion terms, notes), index, index-drugs, index-neoplasms, index-external (entries of the alphabetic indexes and tables), edits (rules of use).';
COMMENT ON COLUMN medrec.code_release.effective_from IS 'First day on which the release is in force.';
COMMENT ON COLUMN medrec.code_release.effective_to IS 'First day on which it no longer is: the next release''s first day; null while it is the newest.';
COMMENT ON COLUMN medrec.code_release.format IS 'Format of the file, as recognised or named at loading.';
COMMENT ON COLUMN medrec.code_release.source IS 'Where the file came from, where that was said.';
COMMENT ON COLUMN medrec.code_release.sha256 IS 'SHA-256 of the content as it was given.';
COMMENT ON COLUMN medrec.code_release.rows IS 'Number of codes or terms in the file.';
COMMENT ON COLUMN medrec.code_release.loaded_at IS 'When it was loaded.';
COMMENT ON COLUMN medrec.code_release.loaded_by IS 'Who loaded it.';

CREATE TABLE medrec.code (
	code_system varchar(20) COLLATE "C" NOT NULL,
	code varchar(20) COLLATE "C" NOT NULL,
	valid_from date NOT NULL,
	valid_to date,
	billable boolean NOT NULL,
	active_from date,
	active_to date,
	display text NOT NULL,
	short_display text,
	CONSTRAINT code_pkey PRIMARY KEY (code_system, code, valid_from),
	CONSTRAINT code_period_check CHECK (valid_to > valid_from)
);
COMMENT ON TABLE medrec.code IS 'Codes of the loaded releases, each with the time in which the releases name it so.';
COMMENT ON COLUMN medrec.code.code_system IS 'Name of the code system.';
COMMENT ON COLUMN medrec.code.code IS 'The code in its normal form.';
COMMENT ON COLUMN medrec.code.valid_from IS 'First day of the first release that has the code with these properties.';
COMMENT ON COLUMN medrec.code.valid_to IS 'First day of the release that has it no longer, or with other properties; null while the newest release has it.';
COMMENT ON COLUMN medrec.code.billable IS 'Whether the code may stand on a claim; false for a header (category).';
COMMENT ON COLUMN medrec.code.active_from IS 'First day of use that the file itself gives, where it does (HCPCS, NDC).';
COMMENT ON COLUMN medrec.code.active_to IS 'Last day of use that the file itself gives, where it does; -infinity for a code that the file calls retired without a day.';
COMMENT ON COLUMN medrec.code.display IS 'Official (long) title.';
COMMENT ON COLUMN medrec.code.short_display IS 'Official short title, where there is one and it differs.';

-- title -> codes; the key is a hash, and who looks up compares the titles themselves
CREATE INDEX code_display_idx ON medrec.code (code_system, medrec.term_key(display));
CREATE INDEX code_short_display_idx ON medrec.code (code_system, medrec.term_key(short_display))
	WHERE short_display IS NOT NULL;

CREATE TABLE medrec.code_term (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	code_system varchar(20) COLLATE "C" NOT NULL,
	code varchar(20) COLLATE "C" NOT NULL,
	kind varchar(20) COLLATE "C" NOT NULL,
	term text NOT NULL,
	release_id integer REFERENCES medrec.code_release (id) ON DELETE CASCADE,
	also_in integer[] NOT NULL DEFAULT '{}',
	CONSTRAINT code_term_code_system_check CHECK (medrec.is_code_system(code_system)),
	CONSTRAINT code_term_kind_check CHECK (kind IN ('inclusion', 'index', 'synonym')),
	CONSTRAINT code_term_term_check CHECK (term <> '')
);
COMMENT ON TABLE medrec.code_term IS 'Further names of codes: inclusion terms, index entries, synonyms.';
COMMENT ON COLUMN medrec.code_term.id IS 'Number of the term.';
COMMENT ON COLUMN medrec.code_term.code_system IS 'Name of the code system.';
COMMENT ON COLUMN medrec.code_term.code IS 'The code in its normal form; it need not be in a loaded release.';
COMMENT ON COLUMN medrec.code_term.kind IS 'inclusion (of the tabular list), index (of the alphabetic index), synonym (of anybody).';
COMMENT ON COLUMN medrec.code_term.term IS 'The name.';
COMMENT ON COLUMN medrec.code_term.release_id IS 'The release that it came with; null for a term of the user''s own.';
COMMENT ON COLUMN medrec.code_term.also_in IS 'Other releases that have it too; one of them keeps it when release_id''s is taken out.';
CREATE INDEX code_term_code_idx ON medrec.code_term (code_system, code);
CREATE INDEX code_term_term_idx ON medrec.code_term (code_system, medrec.term_key(term));
CREATE INDEX code_term_release_idx ON medrec.code_term (release_id);

-- Abbreviations and spelling variants that suggestions understand; anybody who may
-- write here can teach medrec his own.
CREATE TABLE medrec.abbreviation (
	abbreviation text COLLATE "C" NOT NULL,
	expansion text COLLATE "C" NOT NULL,
	CONSTRAINT abbreviation_pkey PRIMARY KEY (abbreviation, expansion),
	CONSTRAINT abbreviation_abbreviation_check CHECK (abbreviation <> '' AND pg_catalog.length(abbreviation) <= 100),
	CONSTRAINT abbreviation_expansion_check CHECK (expansion <> '' AND pg_catalog.length(expansion) <= 200)
);
COMMENT ON TABLE medrec.abbreviation IS 'What abbreviations and spelling variants stand for, when suggestions are sought by words.';
COMMENT ON COLUMN medrec.abbreviation.abbreviation IS 'What is written: one to four words, such as htn or s/p.';
COMMENT ON COLUMN medrec.abbreviation.expansion IS 'What it stands for: one to eight words.';
INSERT INTO medrec.abbreviation (abbreviation, expansion)
	SELECT d.abbreviation, d.expansion FROM medrec.default_abbreviations() AS d
	ON CONFLICT DO NOTHING;

CREATE TABLE medrec.code_note (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	code_system varchar(20) COLLATE "C" NOT NULL,
	code varchar(20) COLLATE "C" NOT NULL,
	kind varchar(20) COLLATE "C" NOT NULL,
	note text NOT NULL,
	release_id integer REFERENCES medrec.code_release (id) ON DELETE CASCADE
);
COMMENT ON TABLE medrec.code_note IS 'Notes of the tabular list on codes: what they include and exclude, and what else to code.';
COMMENT ON COLUMN medrec.code_note.id IS 'Number of the note.';
COMMENT ON COLUMN medrec.code_note.code_system IS 'Name of the code system.';
COMMENT ON COLUMN medrec.code_note.code IS 'The code in its normal form, or the range of a chapter or section, such as A00-A09.';
COMMENT ON COLUMN medrec.code_note.kind IS 'includes, excludes1, excludes2, codeFirst, useAdditionalCode, codeAlso, notes, sevenChrNote.';
COMMENT ON COLUMN medrec.code_note.note IS 'The note.';
COMMENT ON COLUMN medrec.code_note.release_id IS 'The release that it came with; null for a note of the user''s own.';
CREATE INDEX code_note_code_idx ON medrec.code_note (code_system, code);
CREATE INDEX code_note_release_idx ON medrec.code_note (release_id);

-- What the coding edits ask of a record. An age has both bounds, in years; a rule
-- about other codes names them as a range, in which a code includes all below it.
CREATE TABLE medrec.code_rule (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	code_system varchar(20) COLLATE "C" NOT NULL,
	code varchar(20) COLLATE "C" NOT NULL,
	rule varchar(30) COLLATE "C" NOT NULL,
	valid_from date NOT NULL,
	valid_to date,
	age_min smallint,
	age_max smallint,
	other_from varchar(20) COLLATE "C",
	other_to varchar(20) COLLATE "C",
	text text,
	release_id integer REFERENCES medrec.code_release (id) ON DELETE CASCADE,
	CONSTRAINT code_rule_rule_check CHECK (rule IN ('newborn', 'pediatric', 'maternity', 'adult', 'female',
		'male', 'manifestation', 'unacceptable-principal', 'questionable-admission', 'excludes1',
		'seventh-character')),
	CONSTRAINT code_rule_age_check CHECK ((age_min IS NULL) = (age_max IS NULL) AND age_min BETWEEN 0 AND age_max),
	CONSTRAINT code_rule_other_check CHECK ((rule = 'excludes1') = (other_from IS NOT NULL)
		AND (other_from IS NULL) = (other_to IS NULL))
);
COMMENT ON TABLE medrec.code_rule IS 'Rules on the use of codes, from the Medicare Code Editor and the tabular list.';
COMMENT ON COLUMN medrec.code_rule.id IS 'Number of the rule.';
COMMENT ON COLUMN medrec.code_rule.code_system IS 'Name of the code system.';
COMMENT ON COLUMN medrec.code_rule.code IS 'The code in its normal form; an excludes1 rule holds for all codes below it too.';
COMMENT ON COLUMN medrec.code_rule.rule IS 'newborn, pediatric, maternity, adult (with ages); female, male; manifestation, unacceptable-principal, questionable-admission (of a principal diagnosis); excludes1 (with other codes); seventh-character (the code needs one).';
COMMENT ON COLUMN medrec.code_rule.valid_from IS 'First day on which the rule holds.';
COMMENT ON COLUMN medrec.code_rule.valid_to IS 'First day on which it no longer does: the next release of the kind; sex rules end on 2024-10-01. Null while it holds.';
COMMENT ON COLUMN medrec.code_rule.age_min IS 'Lowest age in years.';
COMMENT ON COLUMN medrec.code_rule.age_max IS 'Highest age in years.';
COMMENT ON COLUMN medrec.code_rule.other_from IS 'First of the codes that may not stand beside it.';
COMMENT ON COLUMN medrec.code_rule.other_to IS 'Last of them, with all codes below it.';
COMMENT ON COLUMN medrec.code_rule.text IS 'The note that the rule was read from, or the 7th characters and their meaning.';
COMMENT ON COLUMN medrec.code_rule.release_id IS 'The release that it came with; null for a rule of the user''s own.';
CREATE INDEX code_rule_code_idx ON medrec.code_rule (code_system, code);
CREATE INDEX code_rule_release_idx ON medrec.code_rule (release_id);

-- One row that says which state of the terminologies this is, so that a backend
-- knows when what it has derived from them is out of date.
CREATE TABLE medrec.terminology_state (
	single boolean PRIMARY KEY DEFAULT true,
	generation bigint NOT NULL DEFAULT 1,
	CONSTRAINT terminology_state_single_check CHECK (single)
);
COMMENT ON TABLE medrec.terminology_state IS 'One row: rises whenever codes, terms or releases change.';
COMMENT ON COLUMN medrec.terminology_state.single IS 'Always true: there is one row.';
COMMENT ON COLUMN medrec.terminology_state.generation IS 'Number of the present state.';
INSERT INTO medrec.terminology_state DEFAULT VALUES;

CREATE TRIGGER medrec_terminology_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.code_release
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.terminology_changed();
CREATE TRIGGER medrec_terminology_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.code
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.terminology_changed();
CREATE TRIGGER medrec_terminology_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.code_term
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.terminology_changed();
CREATE TRIGGER medrec_terminology_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.abbreviation
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.terminology_changed();
CREATE TRIGGER medrec_terminology_changed
	AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON medrec.code_rule
	FOR EACH STATEMENT EXECUTE FUNCTION medrec.terminology_changed();

GRANT SELECT ON medrec.code_release, medrec.code, medrec.code_term, medrec.code_note,
	medrec.code_rule, medrec.abbreviation
	TO medrec_clinician, medrec_coder, medrec_auditor, medrec_admin;
GRANT INSERT, UPDATE, DELETE ON medrec.code_release, medrec.code, medrec.code_term, medrec.code_note,
	medrec.code_rule, medrec.abbreviation
	TO medrec_admin;
GRANT EXECUTE ON FUNCTION medrec.load_release(text, text, date, text, text, text),
	medrec.load_release(text, text, date, bytea, text, text),
	medrec.unload_release(text, text, text) TO medrec_admin;
