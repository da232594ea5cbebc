// What protects the database behind nginx: requests sent directly to PostgREST's socket, and what the server's log contains of them.
import { test, before, after } from 'node:test'
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { spawnSync } from 'node:child_process'
import { openSync, readSync, fstatSync, closeSync, readFileSync } from 'node:fs'
import { newId, person } from './api.mjs'
import { sql, clients, bearer } from './access.mjs'

const { MEDREC_RUN_DIR, PGHOST } = process.env
let who, one, diagnosis

// One request that bypasses nginx.
const direct = (role, method, path, body, headers = {}) => new Promise((resolve, reject) => {
	const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
	const r = request({ socketPath: `${PGHOST}/postgrest.sock`, method, path, headers: { ...bearer(who[role].token),
		...(text === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }), ...headers } }, (answer) => {
		let got = ''
		answer.setEncoding('utf8').on('data', (chunk) => { got += chunk })
			.on('end', () => resolve({ status: answer.statusCode, text: got, body: /json/.test(answer.headers['content-type'] ?? '') && got ? JSON.parse(got) : got }))
	})
	r.on('error', reject)
	r.end(text)
})

// What is written to the server's log meanwhile.
async function logged(action) {
	const file = openSync(`${MEDREC_RUN_DIR}/postgres.log`, 'r')
	const from = fstatSync(file).size
	const result = await action()
	const bytes = Buffer.alloc(fstatSync(file).size - from)
	readSync(file, bytes, 0, bytes.length, from)
	closeSync(file)
	return { result, log: bytes.toString('utf8') }
}

// psql as PostgREST connects; its output, with errors
const asAuthenticator = (text) => {
	const run = spawnSync('psql', ['-X', '-q', '-A', '-t', '-v', 'VERBOSITY=verbose', '-U', 'medrec_authenticator', '-f', '-'], { input: text, encoding: 'utf8' })
	return run.stdout + run.stderr
}

const rows = () => sql(`SELECT md5(string_agg(t, '' ORDER BY t)) FROM (SELECT p::text FROM medrec.patient AS p UNION ALL SELECT d::text FROM medrec.diagnosis AS d
	UNION ALL SELECT a::text FROM medrec.account AS a UNION ALL SELECT c::text FROM medrec.care_team AS c) AS r (t)`)

before(async () => {
	who = await clients('requests')
	one = (await who.clinician.post('/patients', person())).body
	await who.clinician.post('/patients', person())
	diagnosis = (await who.clinician.post('/diagnoses', { patient_id: one.id, code: 'I10' })).body
	sql(`INSERT INTO medrec.care_team (name) VALUES ('requests') ON CONFLICT DO NOTHING;
		CREATE SEQUENCE medrec_api.requests_tries; GRANT USAGE ON SEQUENCE medrec_api.requests_tries TO medrec_clinician;
		CREATE FUNCTION medrec_api.requests_fail(state text, words text) RETURNS integer LANGUAGE plpgsql AS $$
		BEGIN PERFORM nextval('medrec_api.requests_tries'); RAISE EXCEPTION '%', words USING ERRCODE = state, DETAIL = words, HINT = words; END$$;
		CREATE FUNCTION medrec_api.requests_all() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN UPDATE medrec_api.patients SET age = age; RETURN 1; END$$;
		CREATE FUNCTION medrec_api.requests_serial(id uuid) RETURNS integer LANGUAGE plpgsql SET default_transaction_isolation = 'repeatable read' AS $$
		BEGIN PERFORM nextval('medrec_api.requests_tries'); PERFORM pg_sleep(0.3); UPDATE medrec_api.patients AS p SET name = 'Serial' WHERE p.id = requests_serial.id; RETURN 1; END$$;
		GRANT EXECUTE ON FUNCTION medrec_api.requests_fail(text, text), medrec_api.requests_all(), medrec_api.requests_serial(uuid) TO medrec_clinician;
		NOTIFY pgrst, 'reload schema'`)
	for (let i = 0; i < 100 && (await direct('clinician', 'POST', '/rpc/requests_all', {})).status === 404; i++) await new Promise((resolve) => setTimeout(resolve, 100))
})
after(() => sql(`DROP FUNCTION medrec_api.requests_fail(text, text), medrec_api.requests_all(), medrec_api.requests_serial(uuid); DROP SEQUENCE medrec_api.requests_tries;
	DELETE FROM medrec.care_team WHERE name = 'requests'; NOTIFY pgrst, 'reload schema'`))

const tries = () => Number(sql('SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM medrec_api.requests_tries'))

test('a PATCH or DELETE without a filter that bypasses nginx changes nothing', async () => {
	const state = rows()
	const texts = new Set()
	for (const query of ['', '?select=id', '?limit=1&order=id', '?limit=1000&order=id', '?limit=1000&offset=0&order=id', '?offset=1&order=id', '?select=id,diagnoses!inner(id)&diagnoses.code=eq.I10', '?diagnoses.code=eq.I10&limit=5&order=id', '?a;select=id']) {
		const embeds = /diagnoses/.test(query)
		for (const [role, method, path, body] of [['clinician', 'PATCH', '/patients', { age: 7 }], ['admin', 'DELETE', '/patients'], ['coder', 'PATCH', '/diagnoses', { code: 'E11.9' }], ['admin', 'DELETE', '/diagnoses'],
			['admin', 'PATCH', '/accounts', { is_active: false }], ['admin', 'DELETE', '/accounts'], ['admin', 'DELETE', '/care_teams']]) {
			if ((embeds || /^\?a;/.test(query)) && path !== '/patients') continue
			for (const prefer of ['return=representation', 'return=minimal', 'count=exact']) {
				const answer = await direct(role, method, path + query, body, { Prefer: prefer })
				assert.equal(answer.status, 400, `${method} ${path}${query} ${answer.status} ${answer.text}`)
				if (answer.body.code === '22023') texts.add(answer.text)
			}
		}
	}
	assert.equal(texts.size, 1)
	assert.match([...texts][0], /PATCH and DELETE need a filter/)
	assert.equal(rows(), state)
})

test('PATCH, PUT and DELETE with a filter that bypass nginx work', async () => {
	for (const query of [`?id=eq.${one.id}`, `?id=in.(${one.id})`, `?or=(id.eq.${one.id},id.is.null)`, `?id=eq.${one.id}&limit=1&order=id`, `?id=eq.${one.id}&select=id,diagnoses(id)`, '?id=not.is.null'])
		assert.ok([200, 204].includes((await direct('clinician', 'PATCH', '/patients' + query, { name: 'With a filter' })).status), query)
	assert.ok([200, 201, 204].includes((await direct('clinician', 'PUT', `/patients?id=eq.${one.id}`, { ...person(), id: one.id })).status))
	const gone = (await direct('clinician', 'POST', '/patients', person({ patient_id: 'GONE' + newId().slice(0, 9) }), { Prefer: 'return=representation' })).body[0]
	assert.equal((await direct('admin', 'DELETE', `/patients?id=eq.${gone.id}`)).status, 204)
})

test('statements of functions and triggers are not checked for a filter', async () => {
	assert.equal((await direct('clinician', 'POST', '/rpc/requests_all', {})).status, 200)
	assert.equal((await direct('coder', 'POST', '/rpc/add_suggestions', { record: diagnosis.id, suggestions: [{ code: 'J45.909' }] })).status, 200)
	assert.equal((await direct('coder', 'POST', '/rpc/accept_suggestion', { record: diagnosis.id, code: 'J45.909' })).status, 200)
})

test('the first statement of a PostgREST session is checked, and SQL users\' statements are not', () => {
	const all = ['UPDATE medrec_api.patients SET age = 7', 'DELETE FROM medrec_api.patients', 'UPDATE medrec.patient SET age = 7 WHERE true']
	for (const statement of all) assert.match(asAuthenticator(`${statement};`), /22023.*need a filter|42501/s, statement)
	for (const statement of all.slice(0, 1)) assert.match(asAuthenticator(`SET ROLE medrec_clinician; ${statement};`), /22023: PATCH and DELETE need a filter/)
	assert.equal(sql('BEGIN; SET LOCAL ROLE medrec_clinician; UPDATE medrec_api.patients SET age = age; UPDATE medrec.patient SET age = age WHERE true; ROLLBACK; SELECT 1'), '1')
})

test('the text of a failed request does not reach the log, however long it is', async () => {
	const secret = 'Jane Roe has syphilis'
	const requests = [['POST', '/patients', { ...person(), age: secret }], ['POST', '/patients', { ...person(), birth_date: secret }], ['POST', '/patients', { ...person(), patient_id: secret.repeat(4) }],
		['POST', '/diagnoses', { patient_id: secret, code: 'I10' }], ['GET', `/patients?age=eq.${encodeURIComponent(secret)}`], ['GET', `/patients?${encodeURIComponent('x' + secret)}=eq.1`],
		['POST', '/patients', `{"age": ${secret}}`], ['POST', '/rpc/requests_fail', { state: 'P0001', words: secret }], ['POST', '/rpc/requests_fail', { state: '40001', words: secret }],
		['POST', '/rpc/record_visit', { visit: { patient: { name: secret, age: secret } } }], ['POST', '/patients', { ...person(), age: secret + 'x'.repeat(5 << 20) }]]
	sql("ALTER SYSTEM SET log_min_error_statement = 'error'; ALTER SYSTEM SET log_error_verbosity = 'verbose'; ALTER SYSTEM SET log_statement = 'all'; ALTER SYSTEM SET log_parameter_max_length_on_error = -1; SELECT pg_reload_conf()".replaceAll('; ', ';\n'))
	try {
		const { result, log } = await logged(async () => {
			const answers = []
			for (const [method, path, body] of requests) answers.push(await direct('clinician', method, path, body))
			return answers
		})
		for (const answer of result) assert.ok(answer.status >= 400 && answer.status < 500, answer.text.slice(0, 300))
		assert.ok(result[0].text.includes(secret), 'the client sees the message with the value that it sent')
		assert.ok(result[7].body.details === secret && result[7].body.hint === secret, 'the client sees detail and hint of an error')
		assert.ok(!/Jane|syphilis|xxxx/.test(log), log.slice(0, 2000))
		assert.match(log, /22P02/, 'the log says what kind of error it was')
		assert.ok(log.length < 100000, `${log.length} bytes`)
	} finally {
		sql('ALTER SYSTEM RESET log_min_error_statement;\nALTER SYSTEM RESET log_error_verbosity;\nALTER SYSTEM RESET log_statement;\nALTER SYSTEM RESET log_parameter_max_length_on_error;\nSELECT pg_reload_conf()')
	}
})

test('a function that raises 40001 runs once, and gets 409 in medrec\'s words', async () => {
	for (const state of ['40001', '40P01']) {
		const had = tries()
		const answer = await direct('clinician', 'POST', '/rpc/requests_fail', { state, words: 'a\r\nX-Injected: 1' })
		assert.deepEqual([answer.status, answer.body], [409, { code: 'PT409', message: 'the request conflicts with another one', details: null, hint: 'Repeat the request.' }])
		assert.equal(tries() - had, 1)
	}
})

test('a serialization failure of a REPEATABLE READ function gets 409, and is not retried', async () => {
	const had = tries()
	const answers = await Promise.all(Array.from({ length: 4 }, () => direct('clinician', 'POST', '/rpc/requests_serial', { id: one.id })))
	assert.deepEqual([...new Set(answers.map((a) => a.status))].sort(), [200, 409], JSON.stringify(answers.map((a) => a.text)))
	assert.equal(tries() - had, 4)
})

test('conflicting requests end without a serialization failure', async () => {
	const { result, log } = await logged(() => Promise.all(Array.from({ length: 40 }, (_, i) => [
		() => direct('clinician', 'PATCH', `/patients?id=eq.${one.id}`, { name: `Together ${i}` }),
		() => direct('clinician', 'POST', '/diagnoses', { patient_id: one.id, code: 'I10' }),
		() => direct('admin', 'DELETE', `/patients?id=eq.${one.id}`),
		() => direct('clinician', 'POST', '/rpc/record_visit', { visit: { patient: { id: one.id }, diagnoses: [{ code: 'E11.9' }] } }),
	][i % 4]())))
	for (const answer of result) assert.ok(answer.status < 300 || answer.status === 409, `${answer.status} ${answer.text}`)
	assert.doesNotMatch(log, /40001/)
})

test('no statement continues after nginx has stopped waiting', () => {
	const waits = Number(/proxy_read_timeout\s+(\d+)s/.exec(readFileSync(`${MEDREC_RUN_DIR}/proxy.inc`, 'utf8'))[1])
	const limits = sql(`SELECT rolname, (SELECT extract(epoch FROM split_part(s, '=', 2)::interval) FROM unnest(rolconfig) AS s WHERE s LIKE 'statement_timeout=%')
		FROM pg_roles WHERE rolname IN ('medrec_authenticator', 'medrec_anon', 'medrec_clinician', 'medrec_coder', 'medrec_auditor', 'medrec_admin')`).split('\n')
	assert.equal(limits.length, 6)
	for (const limit of limits) assert.ok(Number(limit.split('|')[1]) > 0 && Number(limit.split('|')[1]) < waits, limit)
})

test('an SQL session of a role may not use large objects and advisory locks', () => {
	for (const role of ['medrec_clinician', 'medrec_coder', 'medrec_auditor'])
		for (const call of ['lo_create(0)', "lo_from_bytea(0, 'x')", 'lo_unlink(1)', 'pg_advisory_lock(1)', 'pg_advisory_xact_lock(1836212580, 0)', 'pg_try_advisory_lock(1)', 'pg_advisory_lock_shared(1, 1)'])
			assert.throws(() => sql(`SET ROLE ${role}; SELECT ${call}`), /permission denied for function/, `${role} ${call}`)
})

test('a suggestion has its client\'s name, whatever source it gives', async () => {
	const { body: row } = await who.clinician.post('/diagnoses', { patient_id: one.id, code: 'I10', suggestions: ['title', 'spelling', 'ann', undefined].map((source, i) => ({ code: `I1${i + 1}.9`, source })) })
	assert.deepEqual(row.suggestions.map((s) => s.source).sort(), ['ann', 'external', 'spelling', 'title'].map((s) => `requests-clinician: ${s}`))
	const sent = row.suggestions.map((s) => ({ ...s, score: 1 }))
	const { body: [again] } = await who.coder.patch(`/diagnoses?id=eq.${row.id}`, { suggestions: [...sent, { code: 'I16.0', source: 'requests-clinician: title' }] })
	assert.deepEqual(again.suggestions.filter((s) => s.code !== 'I16.0'), row.suggestions, 'a row sent back claims nothing')
	assert.equal(again.suggestions.find((s) => s.code === 'I16.0').source, 'requests-coder: requests-clinician: title')
})

test('a client cannot set created_at and last_visit', async () => {
	const began = Date.now() - 60000
	const { body: made } = await who.clinician.post('/patients', { ...person(), created_at: '2001-01-01', last_visit: '2001-01-01', updated_at: '2001-01-01' })
	for (const column of ['created_at', 'last_visit', 'updated_at']) assert.ok(Date.parse(made[column]) > began, column)
	const { body: [changed] } = await who.clinician.patch(`/patients?id=eq.${made.id}`, { name: 'Changed', created_at: '2001-01-01', last_visit: '2001-01-01' })
	assert.deepEqual([changed.created_at, changed.last_visit, changed.name], [made.created_at, made.last_visit, 'Changed'])
	const { body: diagnosis } = await who.clinician.post('/diagnoses', { patient_id: made.id, code: 'I10', created_at: '2001-01-01' })
	assert.ok(Date.parse(diagnosis.created_at) > began)
	assert.equal((await who.clinician.post('/patients', { ...person(), created_at: '2999-01-01' })).status, 201, 'a future created_at is ignored and not refused')
})
