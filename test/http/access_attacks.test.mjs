// Hostile requests: each gets a clear 4xx and changes nothing, and others are served meanwhile.
// Everything is bounded in time and number; the last test uses up the limit for logins, so it is the last.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { Agent, request } from 'node:https'
import { connect } from 'node:tls'
import { readFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { URL_BASE, call, get, newId } from './api.mjs'
import { sql, account, clients, login, loginOnce, bearer, plainError, PASSWORD } from './access.mjs'

const { port } = new URL(URL_BASE)
const ca = readFileSync(process.env.NODE_EXTRA_CA_CERTS)
let who, patient, diagnosis, state

// what an attack must leave unchanged
const fingerprint = () => sql(`SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM (SELECT to_jsonb(p) - 'last_visit' AS t FROM medrec.patient AS p
	UNION ALL SELECT to_jsonb(d) FROM medrec.diagnosis AS d UNION ALL SELECT to_jsonb(a) - 'last_login' - 'password' FROM medrec.account AS a) AS all_rows;
	SELECT count(*) FROM pg_class; SELECT count(*) FROM pg_proc; SELECT count(*) FROM pg_roles;
	SELECT count(*) AS injected FROM pg_locks WHERE locktype = 'advisory' AND objid = 271828`)
const served = async () => assert.equal((await who.clinician.get(`/patients?id=eq.${patient}`)).status, 200, 'others are served')

before(async () => {
	who = await clients('at')
	patient = sql(`INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Target', 1, 'male', '${newId()}') RETURNING id`)
	diagnosis = sql(`INSERT INTO medrec.diagnosis (patient_id, code) VALUES ('${patient}', 'I10') RETURNING id`)
	state = fingerprint()
})

// only an injection would show the effect of each: a lock that the session holds (see the fingerprint), another user's rows, an error of its own
const INJECTIONS = ["'", "''", '"', '\\', "' OR '1'='1", "'; SELECT pg_advisory_lock_shared(271828); --", "1; DROP TABLE medrec.patient; --", "' UNION SELECT password FROM medrec.account --",
	"$$; SELECT 1/0; $$", '${jndi:ldap://x}', '%27%20OR%201=1', "x' AND (SELECT 1/0) --", '{{7*7}}', '\u0000', '\ud800', "E'\\x00'", "id;copy (select 1) to program 'id'", 'medrec.account', '*', '../../etc/passwd']

test('SQL in every text field is stored as text, or refused', async () => {
	for (const text of INJECTIONS) {
		for (const field of ['name', 'patient_id', 'gender', 'birth_date', 'age', 'id']) {
			const answer = await who.clinician.post('/patients', { name: 'X', age: 1, gender: 'male', patient_id: newId(), [field]: text })
			assert.ok([201, 400, 409].includes(answer.status), `${field} ${text} ${answer.status} ${answer.text}`)
			if (answer.status === 201) { assert.equal(answer.body[field], text.trim()); sql(`DELETE FROM medrec.patient WHERE id = '${answer.body.id}'`) }
			else plainError(answer, [400, 409], `${field} ${text}`)
		}
		for (const field of ['patient_id', 'code', 'code_system', 'description', 'suggestions']) {
			const answer = await who.clinician.post('/diagnoses', { patient_id: patient, code: 'I10', [field]: text })
			assert.ok([201, 400, 409].includes(answer.status), `${field} ${text} ${answer.status} ${answer.text}`)
			if (answer.status === 201) sql(`DELETE FROM medrec.diagnosis WHERE id = '${answer.body.id}'`)
		}
	}
	assert.equal(fingerprint(), state)
})

test('SQL in every filter, order, select, header and name is not executed', async () => {
	for (const text of INJECTIONS) {
		const v = encodeURIComponent(text.replace('\ud800', '\ufffd'))
		for (const query of [`name=eq.${v}`, `name=like.${v}`, `name=in.(${v})`, `name=match.${v}`, `name=fts.${v}`, `id=eq.${v}`, `age=gt.${v}`, `name=${v}.x`, `${v}=eq.x`, `select=${v}`, `select=name::${v}`,
			`select=x:${v}(*)`, `order=${v}`, `order=name.${v}`, `or=(${v})`, `and=(name.eq.${v},${v}.is.null)`, `limit=${v}`, `offset=${v}`, `on_conflict=${v}`, `columns=${v}`, `name->>${v}=eq.x`, `diagnoses.order=${v}&select=*,diagnoses(*)`]) {
			const answer = await who.clinician.get(`/patients?${query}`)
			assert.ok(answer.status < 500, `${query} ${answer.status} ${answer.text}`)
			assert.doesNotMatch(answer.text, /\$2a\$|jwt_key|division by zero|pbkdf2/, query)
		}
		for (const path of [`/${v}`, `/rpc/${v}`, `/patients/${v}`]) assert.ok((await who.clinician.get(path)).status < 500, path)
	}
	for (const header of [{ Range: "0-1'; DROP" }, { Prefer: "count=exact', x" }, { Accept: "application/json'; --" }, { 'Accept-Profile': "medrec'; --" }, { 'Accept-Profile': 'medrec' }, { 'Accept-Profile': 'medrec_gate' }, { 'Accept-Profile': 'pg_catalog' }, { 'X-Request-Id': "'; DROP" }, { 'X-Reason': "'; DROP TABLE medrec.patient; --" }]) {
		const answer = await who.clinician.get('/patients?limit=1', header)
		assert.ok(answer.status < 500, JSON.stringify(header) + answer.text)
		if (header['Accept-Profile']) assert.equal(answer.status, 406)
	}
	assert.equal(fingerprint(), state)
})

test('SQL in every argument of a function is not executed', async () => {
	const calls = {
		validate_code: { code_system: 'ICD-10-CM', code: 'I10', display: 'x', context: {} }, suggest: { code_system: 'ICD-10-CM', code: 'I10', display: 'x', max: 3 },
		confirm: { record: diagnosis }, accept_suggestion: { record: diagnosis, code: 'I10' }, add_suggestions: { record: diagnosis, suggestions: [] },
		record_visit: { visit: { patient: { id: patient }, diagnoses: [] } }, break_glass: { patient, reason: 'a good reason' },
	}
	for (const [name, args] of Object.entries(calls))
		for (const key of Object.keys(args))
			for (const text of INJECTIONS) {
				if (name === 'break_glass' && key === 'reason') continue
				const answer = await who.clinician.post(`/rpc/${name}`, { ...args, [key]: text })
				assert.ok(answer.status < 500, `${name} ${key} ${text} ${answer.status} ${answer.text}`)
				assert.doesNotMatch(answer.text, /\$2a\$|division by zero/)
			}
	assert.equal(fingerprint(), state)
})

test('a client cannot set medrec\'s own headers', async () => {
	for (const text of ['x\r\nX-Evil: 1', 'x%0d%0aX-Evil: 1', 'x\nSet-Cookie: a=b', 'PT200 OK\r\n\r\n<script>']) {
		for (const answer of [await who.clinician.post('/patients', { name: text, age: 1, gender: text, patient_id: text }), await who.clinician.post('/rpc/confirm', { record: text }),
			await who.clinician.post('/rpc/accept_suggestion', { record: diagnosis, code: text }), await who.clinician.get(`/patients?select=${encodeURIComponent(text)}`), await who.clinician.get(`/${encodeURIComponent(text)}`)]) {
			assert.equal(answer.headers.get('x-evil'), null)
			assert.equal(answer.headers.get('set-cookie'), null)
			assert.match(answer.headers.get('content-type'), /^application\/json/)
		}
	}
})

test('JSON bombs (deep, wide, duplicate keys, huge numbers) get 4xx', async () => {
	const bombs = {
		deep: '['.repeat(100_000) + ']'.repeat(100_000), 'deep objects': '{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000), unclosed: '['.repeat(1_000_000),
		wide: `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join(',')}}`, 'many rows': `[${'{"name":"x"},'.repeat(50_000)}{"name":"x"}]`,
		'a number of a million digits': `{"name":"X","age":${'9'.repeat(1_000_000)},"gender":"male","patient_id":"${newId()}"}`, 'an exponent': `{"name":"X","age":1e999999999,"gender":"male","patient_id":"${newId()}"}`,
		'a long string': `{"name":"${'x'.repeat(10_000_000)}","age":1,"gender":"male","patient_id":"${newId()}"}`, 'no JSON': '\u0000\u0001\u0002', 'half a character': Buffer.from([0x7b, 0x22, 0xc3, 0x22, 0x7d]),
	}
	for (const [name, body] of Object.entries(bombs)) {
		for (const path of ['/patients', '/rpc/record_visit', '/rpc/validate_code', '/rpc/login', '/rpc/health']) {
			// one that kept the server busy would reach the statement timeout, with a 5xx
			const answer = await who.clinician.post(path, body)
			assert.ok(answer.status >= 400 && answer.status < 500, `${name} ${path} ${answer.status} ${answer.text.slice(0, 300)}`)
		}
		for (const [f, args] of [['record_visit', { visit: 0 }], ['add_suggestions', { record: diagnosis, suggestions: 0 }]]) {
			const answer = await who.clinician.post(`/rpc/${f}`, JSON.stringify(args).replace(/0}$/, (name === 'deep' || name === 'wide' || name === 'deep objects' ? body : '"x"') + '}'))
			assert.ok(answer.status >= 400 && answer.status < 500, `${name} in ${f} ${answer.status} ${answer.text.slice(0, 300)}`)
		}
		await served()
	}
	// names of arguments in an address or a form: PostgREST would search for similar ones
	const many = Array.from({ length: 900 }, (_, i) => `k${i}=1`).join('&')
	for (const answer of [await get(`/rpc/health?${many}`), await who.clinician.get(`/rpc/suggest?${many}`), await get(`/rpc/login?${'x'.repeat(7000)}=1`),
		await call('POST', '/rpc/login', many, { 'Content-Type': 'application/x-www-form-urlencoded' }), await call('POST', '/rpc/login', many, { 'Content-Type': 'text/csv' })]) {
		plainError(answer, [400, 401, 405, 413, 414, 415])
	}
	const doubled = await who.clinician.post('/patients', `{"name":"A","name":"B","age":1,"gender":"male","patient_id":"${newId()}"}`)
	assert.ok(doubled.status === 201 && doubled.body.name === 'B', 'of a doubled key the last counts, as everywhere in PostgreSQL')
	sql(`DELETE FROM medrec.patient WHERE id = '${doubled.body.id}'`)
	assert.equal(fingerprint(), state)
})

test('a body of 20 MB is refused, with a token and without', async () => {
	const body = `{"name":"${'x'.repeat(20 * 1024 * 1024)}"}`
	plainError(await who.clinician.post('/patients', body), 413)
	assert.ok([401, 413].includes((await call('POST', '/patients', body)).status))
	assert.ok([401, 413].includes((await call('POST', '/rpc/login', body)).status))
	await served()
})

test('no large object, file or program can be reached', async () => {
	for (const path of ['/rpc/lo_import', '/rpc/lo_get', '/rpc/pg_read_file', '/rpc/pg_sleep', '/rpc/set_config', '/rpc/pg_terminate_backend', '/rpc/crypt', '/rpc/login_', '/rpc/check_request', '/rpc/pre_request', '/rpc/rotate_jwt_key', '/rpc/jwt_key_set', '/pg_authid', '/jwt_key', '/account', '/account_login'])
		for (const c of Object.values(who)) assert.equal((path.startsWith('/rpc') ? await c.post(path, {}) : await c.get(path)).status, 404, path)
})

// A raw TLS connection that writes and then waits; resolves with what arrived, when it is closed or the time is up.
function raw(text, { wait = 0 } = {}) {
	return new Promise((resolve) => {
		const socket = connect({ port, host: '127.0.0.1', ca, servername: 'localhost' })
		let answer = ''
		socket.setEncoding('utf8')
		socket.on('secureConnect', () => {
			socket.write(text)
			setTimeout(() => socket.destroy(), wait)
		})
		socket.on('data', (chunk) => { answer += chunk })
		socket.on('error', () => {})
		socket.on('close', () => resolve(answer))
	})
}

// A raw TLS connection that writes, then drips, until it is released or the server closes it; resolves once it has begun.
function hold(text, drip) {
	return new Promise((resolve, reject) => {
		const socket = connect({ port, host: '127.0.0.1', ca, servername: 'localhost' })
		const timer = setInterval(() => socket.write(drip), 500)
		const held = { open: true, closed: new Promise((done) => socket.on('close', () => { clearInterval(timer); held.open = false; done() })), letGo: () => socket.destroy() }
		socket.on('error', reject)
		socket.on('secureConnect', () => socket.write(text, () => resolve(held)))
		socket.resume()
	})
}

test('slow clients: 200 that never finish do not block others', async () => {
	const head = `POST /api/patients HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${who.clinician.token}\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n{`
	const headers = [], bodies = []
	for (let i = 0; i < 100; i++) {
		headers.push(await hold('GET /api/patients HTTP/1.1\r\nHost: localhost\r\nX-A: ', 'x'))
		bodies.push(await hold(head, ' '))
	}
	for (let i = 0; i < 20; i++) await served()
	// headers have a limit as a whole, so some may be gone; a body may drip on
	assert.equal(bodies.filter((held) => held.open).length, 100, 'all slow requests are still open after the others were served')
	for (const held of [...headers, ...bodies]) held.letGo()
	await Promise.all([...headers, ...bodies].map((held) => held.closed))
	assert.equal(fingerprint(), state)
})

test('a header that does not end is cut off by the server', { timeout: 300_000 }, async () => {
	const held = await hold('GET /api/patients HTTP/1.1\r\nHost: localhost\r\nX-A: ', 'x')
	await held.closed
})

test('request smuggling (two lengths, a length and chunks, a bare line feed) is refused', async () => {
	for (const head of ['Content-Length: 5\r\nContent-Length: 6', 'Content-Length: 5\r\nTransfer-Encoding: chunked', 'Transfer-Encoding: xchunked', 'Transfer-Encoding : chunked', 'Content-Length: -1', 'Content-Length: 5x']) {
		const answer = await raw(`POST /api/rpc/login HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n0\r\n\r\nGET /api/patients HTTP/1.1\r\nHost: localhost\r\n\r\n`, { wait: 1500 })
		assert.match(answer, /^(HTTP\/1.1 (4\d\d|501))?/, head)
		assert.doesNotMatch(answer, /HTTP\/1.1 200/, head)
	}
})

test('200 concurrent requests with a pool of 20 are all answered', async () => {
	const agent = new Agent({ keepAlive: false, maxSockets: 200, ca })
	const one = () => new Promise((resolve) => {
		request({ port, host: 'localhost', path: '/api/patients?limit=5', headers: bearer(who.clinician.token), agent }, (r) => { r.resume(); r.on('end', () => resolve(r.statusCode)) })
			.on('error', (e) => resolve(e.code)).end()
	})
	const answers = await Promise.all(Array.from({ length: 200 }, one))
	agent.destroy()
	assert.deepEqual([...new Set(answers)], [200])
})

test('a flood from one address gets 429, and requests work again afterwards', async () => {
	const answers = await Promise.all(Array.from({ length: 250 }, () => Promise.all(Array.from({ length: 4 }, () => get('/live').then((r) => r.status, () => 0)))))
	assert.ok(answers.flat().every((s) => s === 200 || s === 429 || s === 0))
	await new Promise((resolve) => setTimeout(resolve, 1500))
	await served()
})

test('1,000 failed logins: most are refused unchecked, the account is locked, others are served', async () => {
	account('at-victim', 'clinician')
	const began = Date.now()
	const statuses = {}
	for (let i = 0; i < 20; i++) {
		const batch = await Promise.all(Array.from({ length: 50 }, (_, j) => loginOnce(j % 2 ? 'at-victim' : `nobody-${randomUUID()}`, `wrong-${i}-${j}`)))
		for (const answer of batch) {
			statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
			plainError(answer, [401, 429])
		}
		await served()
	}
	// so many at once, then one a second, however long it took
	assert.ok(statuses[401] <= 21 + Math.ceil((Date.now() - began) / 1000) && statuses[429] > 0, JSON.stringify(statuses))
	// too few may have passed nginx
	for (let i = 0; i < 6; i++) plainError(await login('at-victim', 'wrong'), 401)
	const [failures, locked] = sql("UPDATE medrec.login_address SET locked_until = clock_timestamp() + interval '1 min' WHERE account_id = (SELECT id FROM medrec.account WHERE username = 'at-victim'); SELECT failures, locked_until > last_failure FROM medrec.login_address WHERE account_id = (SELECT id FROM medrec.account WHERE username = 'at-victim')").split('|')
	assert.ok(Number(failures) >= 5 && locked === 't', `${failures} ${locked}`)
	// during a lock-out the right password is refused too, through both endpoints
	plainError(await loginOnce('at-victim'), [401, 429])
	assert.notEqual(sql("SELECT count(*) FROM medrec.audit_event WHERE table_name = 'login_lockout'"), '0')
})

test('the logs contain no name, number, password, token or query', () => {
	const log = ['nginx-access.log', 'nginx-error.log', 'postgrest.log', 'postgres.log'].map((f) => { try { return readFileSync(`${process.env.MEDREC_RUN_DIR}/${f}`, 'utf8') } catch { return '' } }).join('\n')
	assert.ok(log.length > 1000)
	for (const secret of [PASSWORD, who.clinician.token.slice(-20), 'select=', 'eq.x', 'wrong-1-1', 'Target']) assert.ok(!log.includes(secret), secret)
})
