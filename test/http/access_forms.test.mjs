// Faults, trials, history and uploads where every request has a token: nobody learns or does more by them.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { connect } from 'node:tls'
import { readFileSync } from 'node:fs'
import { call, newId, person, URL_BASE } from './api.mjs'
import { sql, clients, account, client, newSessions, token } from './access.mjs'

const who = {}
before(async () => Object.assign(who, await clients('form')))

const faults = (answer) => answer.body.details.map((f) => [f.field, f.code])

test('a refused row is explained with the rights of its token', async () => {
	const bad = await who.clinician.post('/patients', person({ age: 'x', name: '' }))
	assert.deepEqual([bad.status, faults(bad)], [400, [['age', 'value'], ['name', 'required']]])
	// a coder may not create patients: told so, whatever is wrong with the row
	for (const row of [person(), person({ age: -1 })]) assert.equal((await who.coder.post('/patients', row)).status, 403)
	const none = await call('POST', '/patients', person({ age: 'x' }))
	assert.equal(none.status, 401)
	assert.equal((await who.admin.post('/accounts', { username: '', role: 'x', email: '' })).body.details.length, 2)
})

test('with care teams the number of a hidden patient is what the POST says it is, and no more', async () => {
	const number = newId()
	const hidden = sql(`INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('Hidden Person', 77, 'male', '${number}') RETURNING id`)
	const name = account('form-ward', 'clinician')
	const ward = client(await token(name))
	sql(`INSERT INTO medrec.care_team (name) VALUES ('form') ON CONFLICT DO NOTHING; INSERT INTO medrec.care_team_member (account, team) SELECT a.id, t.id FROM medrec.account AS a, medrec.care_team AS t WHERE a.username = '${name}' AND t.name = 'form' ON CONFLICT DO NOTHING`)
	sql('ALTER ROLE medrec_authenticator SET medrec.care_team_mode = on; ALTER DATABASE ' + process.env.PGDATABASE + ' SET medrec.care_team_mode = on')
	try {
		// PostgREST's connections take the setting when they are made
		await newSessions()
		const posted = await ward.post('/patients', person({ patient_id: number }))
		const checked = await ward.post('/rpc/check_patients', { rows: [person({ patient_id: number })] })
		assert.deepEqual([posted.status, faults(posted)], [409, [['patient_id', 'duplicate']]])
		assert.deepEqual(checked.body.faults.map((f) => [f.field, f.code]), [['patient_id', 'duplicate']])
		for (const answer of [posted, checked]) assert.doesNotMatch(answer.text, /Hidden|77/)
		// its records: as forbidden as without an explanation
		const record = { patient_id: hidden, code: 'I10' }
		assert.equal((await ward.post('/diagnoses', record)).status, 403)
		assert.deepEqual((await ward.post('/rpc/check_diagnoses', { rows: [record] })).body.faults.map((f) => [f.field, f.code]), [[null, 'forbidden']])
		assert.equal((await ward.get(`/rpc/patient_history?patient=${hidden}`)).status, 404)
		for (const change of [{ age: 'x' }, { name: '' }, { patient_id: newId() }]) assert.deepEqual((await ward.patch(`/patients?id=eq.${hidden}`, change)).body, [])
	} finally {
		sql('ALTER ROLE medrec_authenticator RESET medrec.care_team_mode; ALTER DATABASE ' + process.env.PGDATABASE + ' RESET medrec.care_team_mode')
		await newSessions()
	}
})

// the head of a request whose body never comes; the answer's first line
const announced = (authorization) => new Promise((resolve, reject) => {
	const { hostname, port } = new URL(URL_BASE)
	const socket = connect({ host: hostname, port: Number(port), ca: readFileSync(process.env.NODE_EXTRA_CA_CERTS), servername: hostname })
	let text = ''
	socket.on('data', (d) => { text += d; if (text.includes('\r\n')) socket.destroy() })
	socket.on('close', () => resolve(text.split('\r\n')[0]))
	socket.on('error', reject)
	socket.write(`PUT /api/releases/ICD-10-CM/1?effective_from=2020-01-01 HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 500000000\r\n${authorization}\r\n`)
})

test('an upload is refused before its body comes, unless the token may load releases', async () => {
	assert.match(await announced(''), /^HTTP\/1\.1 401 /)
	for (const role of ['clinician', 'coder', 'auditor'])
		assert.match(await announced(`Authorization: Bearer ${who[role].token}\r\n`), /^HTTP\/1\.1 403 /, role)
})

test('an administrator uploads a release', async () => {
	const file = 'code,display\n' + Array.from({ length: 50 }, (_, i) => `A4${String(i).padStart(3, '0')},Uploaded number ${i}\n`).join('')
	const put = (c) => c.put('/releases/HCPCS/form?effective_from=2020-01-01&format=csv', file, { 'Content-Type': 'text/csv' })
	const answer = await put(who.admin)
	assert.equal(answer.status, 200, answer.text)
	assert.deepEqual([answer.body.rows, answer.body.loaded_by], [50, 'form-admin'])
	assert.equal((await put(who.coder)).status, 403)
	assert.equal((await who.coder.post('/rpc/unload_release', { code_system: 'HCPCS', version: 'form' })).status, 403)
	assert.equal((await who.admin.post('/rpc/unload_release', { code_system: 'HCPCS', version: 'form' })).body, true)
})

test('whoami is the token\'s account, and tells nothing without one', async () => {
	const { body } = await who.clinician.get('/rpc/whoami')
	assert.deepEqual([body.account, body.role], ['form-clinician', 'medrec_clinician'])
	assert.ok(Date.parse(body.token_expires) > Date.now())
	assert.ok(!('accounts' in body.rights) && !body.functions.includes('load_release'))
	assert.equal((await call('GET', '/rpc/whoami')).status, 401)
})
