// One record, keys of requests and pages of other origins, where tokens are required: who may, whose key it is, and what stays hidden.
import { test, before, after } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { call, person, newId, URL_BASE } from './api.mjs'
import { sql, account, clients, client, token, bearer, plainError, login, PASSWORD } from './access.mjs'

let who, other
const key = () => ({ 'Idempotency-Key': randomUUID() })

before(async () => {
	who = await clients('rec')
	other = client(await token(account('rec-other', 'clinician')))
})
after(() => sql("ALTER DATABASE medrec RESET medrec.care_team_mode;\nSELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'medrec_authenticator' AND pid <> pg_backend_pid()"))

test('one record is read and changed by those who may, and refused to others', async () => {
	const { body: row } = await who.clinician.post('/patients', person())
	const path = `/patients/${row.id}/`
	const { body: diagnosis } = await who.clinician.post('/diagnoses', { patient_id: row.id, code: 'I10' })
	plainError(await call('GET', path), 401)
	for (const role of ['clinician', 'coder', 'admin']) assert.equal((await who[role].get(path)).body.id, row.id, role)
	plainError(await who.auditor.get(path), 403)
	for (const role of ['coder', 'auditor', 'admin']) plainError(await who[role].patch(path, { age: 5 }), 403, role)
	plainError(await who.clinician.del(path), 403)
	assert.equal((await who.coder.patch(`/diagnoses/${diagnosis.id}`, { code: 'E11.9' })).body.code, 'E11.9')
	plainError(await who.coder.put(`/diagnoses/${diagnosis.id}`, { patient_id: row.id, code: 'I10' }), 403)
	assert.equal((await who.clinician.put(`/diagnoses/${diagnosis.id}`, { patient_id: row.id, code: 'I10' })).body.code, 'I10')
	assert.equal((await who.admin.del(`/diagnoses/${diagnosis.id}`)).status, 204)
	assert.equal((await who.admin.del(path)).status, 204)
	plainError(await who.admin.del(path), 404)
})

test('accounts are read and changed by administrators with ETag and If-Match, and a login makes no version stale', async () => {
	const made = await who.admin.post('/accounts', { username: 'rec-' + newId(), role: 'coder' })
	assert.equal(made.status, 201, made.text)
	const path = `/accounts/${made.body.id}/`
	assert.equal(made.headers.get('location'), '/api' + path)
	const tag = (await who.admin.get(path)).headers.get('etag')
	sql(`SELECT medrec.set_password('${made.body.username}', '${PASSWORD}')`)
	assert.equal((await login(made.body.username)).status, 200)
	const read = await who.admin.get(path)
	assert.notEqual(read.headers.get('etag'), tag, 'last_login has moved')
	assert.equal(read.body.version, 1)
	assert.equal((await who.admin.patch(path, { first_name: 'A' }, { 'If-Match': tag })).body.version, 2)
	plainError(await who.admin.patch(path, { first_name: 'B' }, { 'If-Match': tag }), 412)
	plainError(await who.admin.patch(path, { first_name: 'B', version: 1 }), 409)
	assert.equal((await who.admin.put(path, { username: made.body.username, role: 'auditor' })).body.role, 'auditor')
	plainError(await who.admin.put(path, { ...read.body }), 409)
	plainError(await who.clinician.get(path), 403)
	assert.equal((await who.admin.del(path)).status, 204)
})

test('a key is its account\'s: another one\'s request with it is another request', async () => {
	const k = key()
	const body = person()
	const first = await who.clinician.post('/patients', body, k)
	assert.equal(first.status, 201, first.text)
	const theirs = await other.post('/patients', person(), k)
	assert.equal(theirs.status, 201, theirs.text)
	assert.notEqual(theirs.body.id, first.body.id)
	assert.equal((await who.clinician.post('/patients', body, k)).text, first.text)
	plainError(await other.post('/patients', body, k), 422)
	plainError(await call('POST', '/patients', body, k), 401)
	plainError(await who.coder.post('/patients', body, k), 403)
})

test('kept answers are read by nobody over SQL but their owner, and by an account only its own', () => {
	assert.ok(Number(sql('SELECT count(*) FROM medrec.idempotency_key')) > 0)
	for (const role of ['medrec_clinician', 'medrec_coder', 'medrec_auditor', 'medrec_admin'])
		assert.equal(sql(`SET ROLE ${role}; SET request.jwt.claims = '{"sub":"rec-clinician"}'; SELECT count(*) FROM medrec.idempotency_key`), '0', role)
	assert.equal(sql(`SET SESSION AUTHORIZATION medrec_authenticator; SET ROLE medrec_clinician; SET request.jwt.claims = '{"sub":"rec-other"}'; SELECT DISTINCT account FROM medrec.idempotency_key`), 'rec-other')
	for (const role of ['medrec_anon', 'medrec_gatekeeper']) if (role === 'medrec_anon') assert.throws(() => sql(`SET ROLE ${role}; SELECT FROM medrec.idempotency_key`), /permission denied/)
})

test('after a day a key may be used again, and expired answers of all accounts are deleted', async () => {
	const k = key()
	const first = await who.clinician.post('/patients', person(), k)
	assert.equal(first.status, 201, first.text)
	sql("UPDATE medrec.idempotency_key SET made_at = now() - interval '25 hours'")
	const again = await other.post('/patients', person(), key())
	assert.equal(again.status, 201)
	assert.equal(sql('SELECT count(*) FROM medrec.idempotency_key'), '1')
	assert.equal((await who.clinician.post('/patients', person(), k)).status, 201)
})

test('neither a password nor a token is kept, whatever header came with it', async () => {
	const before = sql('SELECT count(*) FROM medrec.idempotency_key')
	const name = account('rec-' + newId(), 'coder')
	const answer = await call('POST', '/rpc/login', { username: name, password: PASSWORD }, key())
	assert.ok([200, 429].includes(answer.status), answer.text)
	await who.admin.post('/rpc/set_password', { username: name, password: PASSWORD }, key())
	await who.admin.post('/rpc/revoke_tokens', { username: name }, key())
	const c = client(await token(name))
	await c.post('/rpc/change_password', { old_password: PASSWORD, new_password: PASSWORD + 'x' }, key())
	assert.equal(sql('SELECT count(*) FROM medrec.idempotency_key'), before)
})

test('a page of this machine that was not named may not call, and the server\'s own may', async () => {
	const own = new URL(URL_BASE).origin
	for (const Origin of ['https://localhost:3000', 'http://localhost:3000', own.replace('https', 'http')]) {
		for (const answer of [await who.clinician.get('/patients?limit=1', { Origin }), await call('OPTIONS', '/patients', undefined, { Origin, 'Access-Control-Request-Method': 'POST' })]) {
			assert.equal(answer.status, 403, Origin)
			assert.equal(answer.headers.get('access-control-allow-origin'), null)
		}
	}
	const answer = await who.clinician.get('/patients?limit=1', { Origin: own })
	assert.deepEqual([answer.status, answer.headers.get('access-control-allow-origin')], [200, own])
	const refused = await call('GET', '/patients', undefined, { Origin: own })
	assert.deepEqual([refused.status, refused.headers.get('access-control-allow-origin')], [401, own])
	assert.equal(refused.headers.get('access-control-allow-credentials'), null)
})

// sessions read the setting when they begin, so PostgREST's are terminated: until it has new ones, it answers 503
const settled = async (ask) => {
	for (let i = 0; i < 100; i++) {
		const answer = await ask()
		if (answer.status !== 503) return answer
		await new Promise((resolve) => setTimeout(resolve, 100))
	}
}

test('a record of another care team is not there, to every method', async () => {
	const mine = sql(`INSERT INTO medrec.care_team (name) VALUES ('rec-${newId()}') RETURNING id`)
	sql(`INSERT INTO medrec.care_team_member (account, team) SELECT id, ${mine} FROM medrec.account WHERE username = 'rec-clinician'`)
	sql("ALTER DATABASE medrec SET medrec.care_team_mode = on; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'medrec_authenticator' AND pid <> pg_backend_pid()".replace('; ', ';\n'))
	const { id } = (await settled(() => who.clinician.post('/patients', person()))).body
	assert.equal((await settled(() => who.clinician.get(`/patients/${id}`))).status, 200)
	for (const ask of [() => other.get(`/patients/${id}`), () => other.patch(`/patients/${id}`, { age: 1 }), () => other.put(`/patients/${id}`, person()), () => other.get(`/patients/${id}`, { 'If-Match': '"99"' }), () => other.patch(`/patients/${id}`, { age: 1 }, { 'If-Match': '"99"' })]) {
		const answer = await settled(ask)
		plainError(answer, 404)
		assert.equal(answer.headers.get('etag'), null)
	}
})
