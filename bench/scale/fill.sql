-- Creates a large database: :patients patients, :diagnoses diagnoses, :events events of the audit trail over :months months.
-- As the owner, with the triggers disabled, because only the rows matter here.
SET client_min_messages = warning;
CREATE EXTENSION medrec CASCADE;
SELECT * FROM medrec.migrate();
CREATE SCHEMA bench;
CREATE TABLE bench.first_name AS SELECT n, name FROM unnest(string_to_array(
	'James,Mary,John,Patricia,Robert,Jennifer,Michael,Linda,William,Elizabeth,David,Barbara,Richard,Susan,Joseph,Jessica,Thomas,Sarah,Charles,Karen,Jürgen,Zoë,José,Renée,Søren,Łukasz,Ángel,François,Noémie,Ömer,Chloé,Håkan,Amélie,Nuria,Mateo,Ingrid,Olga,Dmitri,Yuki,Wei,Fatima,Omar,Aisha,Priya,Arjun,Chen,Mei,Kofi,Amara,Liam,Emma,Noah,Olivia,Ava,Lucas,Mia,Ethan,Sofia,Leo,Ella',
	',')) WITH ORDINALITY AS u (name, n);
-- family names: made of syllables, a few of them very common
CREATE TABLE bench.last_name AS
	SELECT row_number() OVER () AS n, initcap(a || b || c) AS name FROM
		unnest(string_to_array('ander,mac,john,will,peter,hans,schmi,gonza,rodri,kowal,niel,berg,lind,mar,tor,fitz,van,del,ras,kra,hol,ste,bro,cla,dun,eri,fre,gra,har,ive,jar,kell,lar,mor,nor,oke,pat,qui,rob,san,tay,ull,vos,wal,yan,zim', ',')) AS a,
		unnest(string_to_array('a,e,i,o,u,al,en,er,in,ol,ar,is,on,un', ',')) AS b,
		unnest(string_to_array('son,sen,man,dez,ski,ton,ley,berg,feld,mann,quist,strom,well,wood,ford,smith,hart,er,ard,ini,elli,eau,ova,ic,os,is,ai,ma,shi,ra', ',')) AS c;
INSERT INTO bench.last_name SELECT (SELECT max(n) FROM bench.last_name) + n, name
	FROM unnest(ARRAY['Smith', 'Müller', 'García', 'Nguyen', 'O''Connor', 'Jones']) WITH ORDINALITY AS u (name, n);
CREATE INDEX ON bench.first_name (n);
CREATE INDEX ON bench.last_name (n);
ANALYZE bench.first_name, bench.last_name;

ALTER TABLE medrec.patient DISABLE TRIGGER USER;
ALTER TABLE medrec.diagnosis DISABLE TRIGGER USER;
ALTER TABLE medrec.diagnosis DROP CONSTRAINT diagnosis_patient_id_fkey;
SELECT count(*) AS first_names FROM bench.first_name \gset
SELECT count(*) AS last_names FROM bench.last_name \gset
SELECT setseed(0.5);
INSERT INTO medrec.patient (name, age, gender, patient_id, birth_date, created_at, last_visit)
	SELECT f.name || ' ' || l.name, 40, 'female', 'P' || lpad(i::text, 8, '0'), date '1930-01-01' + (random() * 33000)::integer,
		now() - make_interval(secs => (:patients - i) * 31.0 * 86400 * :months / :patients), now()
	FROM (SELECT i, 1 + (random() * (:first_names - 1))::bigint AS f,
			CASE WHEN random() < 0.06 THEN :last_names - (random() * 5)::bigint ELSE 1 + (random() * (:last_names - 1))::bigint END AS l
		FROM generate_series(1, :patients) AS i) AS r
	JOIN bench.first_name AS f ON f.n = r.f JOIN bench.last_name AS l ON l.n = r.l;
CREATE TABLE bench.patient AS SELECT row_number() OVER () AS n, id FROM medrec.patient;
CREATE UNIQUE INDEX ON bench.patient (n);
ANALYZE bench.patient;
CREATE TABLE bench.code AS SELECT n, 'A' || lpad(((n * 37) % 10000)::text, 4, '0') AS code FROM generate_series(0, 4999) AS n;
INSERT INTO medrec.diagnosis (patient_id, code, description, status, created_at, updated_at)
	SELECT p.id, c.code, 'Disorder number ' || c.n || ' of the benchmark''s list',
		CASE WHEN r.s < 0.93 THEN 'valid' WHEN r.s < 0.96 THEN 'review' WHEN r.s < 0.97 THEN 'invalid' WHEN r.s < 0.98 THEN 'pending'
			WHEN r.s < 0.99 THEN 'confirmed' ELSE 'corrected' END, r.at, r.at
	FROM (SELECT 1 + floor(random() * :patients)::bigint AS p, floor(4999 * random() ^ 3)::integer AS c, random() AS s,
			now() - make_interval(secs => (:diagnoses - i) * 31.0 * 86400 * :months / :diagnoses) AS at
		FROM generate_series(1, :diagnoses) AS i) AS r
	JOIN bench.patient AS p ON p.n = r.p JOIN bench.code AS c ON c.n = r.c;
ALTER TABLE medrec.diagnosis ADD CONSTRAINT diagnosis_patient_id_fkey FOREIGN KEY (patient_id)
	REFERENCES medrec.patient (id) ON DELETE RESTRICT NOT VALID;
ALTER TABLE medrec.patient ENABLE TRIGGER USER;
ALTER TABLE medrec.diagnosis ENABLE TRIGGER USER;
DO $$
DECLARE
	t record;
BEGIN
	FOR t IN SELECT tgrelid::regclass AS rel, tgname FROM pg_trigger
		WHERE tgrelid IN ('medrec.patient'::regclass, 'medrec.diagnosis'::regclass) AND tgname LIKE 'medrec\_audit%'
	LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', t.rel, t.tgname);
	END LOOP;
END $$;

-- the trail: past months as medrec.audit_partitions() would have created them, and events spread evenly over them
DO $$
DECLARE
	m timestamptz;
	t text;
	months integer := current_setting('bench.months');
BEGIN
	SET LOCAL timezone = 'UTC';
	FOR i IN 1 .. months LOOP
		m := date_trunc('month', now()) - make_interval(months => i);
		t := 'audit_event_' || to_char(m, 'YYYY_MM');
		EXECUTE format('CREATE TABLE medrec.%I (LIKE medrec.audit_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', t);
		EXECUTE format('ALTER TABLE medrec.audit_event ATTACH PARTITION medrec.%I FOR VALUES FROM (%L) TO (%L)', t, m, m + interval '1 month');
	END LOOP;
END $$;
ALTER TABLE medrec.audit_event DISABLE TRIGGER USER;
INSERT INTO medrec.audit_event (xid, logged_at, transaction_at, statement_at, era, n, patient_id, action, table_name, row_id,
		new_values, account, role, session_role, effective_role, client_addr, request_id, method, path, application_name, salt, leaf)
	SELECT 1000 + i, r.at, r.at, r.at, 1, 1, d.patient_id, 'INSERT', 'diagnosis', d.id::text,
		json_build_object('id', d.id, 'code', d.code, 'description', d.description, 'status', d.status, 'version', 1, 'created_at', d.created_at),
		'user' || (i::bigint * 7919 % 500), 'medrec_clinician', 'medrec_authenticator', 'medrec_clinician', '10.0.0.1', i::text, 'POST', '/diagnoses', 'PostgREST 12.0.2',
		decode(left(md5(i::text), 32), 'hex'), decode(md5(i::text) || md5((-i)::text), 'hex')
	FROM (SELECT i, greatest(date_trunc('month', now(), 'UTC') - make_interval(months => :months),
				now() - make_interval(secs => (:events - i) * 30.0 * 86400 * :months / :events)) AS at
		FROM generate_series(1, :events) AS i) AS r
	JOIN (SELECT row_number() OVER (ORDER BY md5(d.id::text)) AS k, d.* FROM medrec.diagnosis AS d) AS d ON d.k = r.i
	ORDER BY r.at;
ALTER TABLE medrec.audit_event ENABLE TRIGGER USER;
ALTER TABLE medrec.audit_event ENABLE ALWAYS TRIGGER medrec_append_only;
ALTER TABLE medrec.audit_event ENABLE ALWAYS TRIGGER medrec_append_only_row;

-- clinicians: one of a small team, one who sees a fifth of all patients
INSERT INTO medrec.account (username, role) VALUES ('bench_small', 'clinician'), ('bench_large', 'clinician');
INSERT INTO medrec.care_team (id, name) VALUES (1, 'small'), (2, 'large');
ALTER TABLE medrec.care_team_patient DISABLE TRIGGER USER;
INSERT INTO medrec.care_team_patient (patient, team)
	SELECT id, 1 FROM bench.patient WHERE n % greatest(:patients / 1000, 1) = 0 UNION ALL SELECT id, 2 FROM bench.patient WHERE n % 5 = 0;
ALTER TABLE medrec.care_team_patient ENABLE TRIGGER USER;
INSERT INTO medrec.care_team_member SELECT a.id, CASE a.username WHEN 'bench_small' THEN 1 ELSE 2 END
	FROM medrec.account AS a WHERE a.username LIKE 'bench%';
VACUUM ANALYZE;
