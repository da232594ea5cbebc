// Functions for applications, and the upload of a release.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { call, get, post, patch, patient, record, loadCodes, orderFile, URL_BASE } from './api.mjs'

before(loadCodes)

test('whoami says what the role may do', async () => {
	const { status, body } = await get('/rpc/whoami')
	assert.equal(status, 200)
	assert.deepEqual(Object.keys(body).sort(), ['account', 'functions', 'rights', 'role', 'token_expires'])
	assert.ok(body.rights.patients.includes('read') && body.functions.includes('whoami'))
	for (const hidden of ['explain', 'upload_allowed', 'upload_release', 'current_age']) assert.ok(!body.functions.includes(hidden), hidden)
})

test('status_counts counts every status', async () => {
	const { id } = await patient()
	const of = async () => new Map((await get('/rpc/status_counts')).body.map((r) => [`${r.table_name} ${r.status}`, r.count]))
	await record('/diagnoses', { patient_id: id, code: 'E11' })
	const first = await of()
	await record('/diagnoses', { patient_id: id, code: 'E11' })
	assert.equal((await of()).get('diagnosis review'), first.get('diagnosis review') + 1)
})

test('lookup, ancestors, descendants and subsumes answer GET', async () => {
	const [code] = (await get('/rpc/lookup?code_system=ICD-10-CM&code=j45909')).body
	assert.equal(code.code, 'J45.909')
	assert.deepEqual(code.parents.map((c) => c.code), ['J45.90'])
	assert.deepEqual([code.children, code.edits], [[], []])
	assert.deepEqual((await get('/rpc/ancestors?code_system=ICD-10-CM&code=J45.909')).body.map((c) => c.code), ['J45.90', 'J45.9', 'J45'])
	assert.deepEqual((await get('/rpc/descendants?code_system=ICD-10-CM&code=J45&limit=1&offset=1')).body.map((c) => c.code), ['J45.90'])
	assert.equal((await get('/rpc/subsumes?code_system=ICD-10-CM&a=J45&b=J45.909')).body, 'subsumes')
	assert.equal((await get('/rpc/subsumes?code_system=LOINC&a=718-7&b=718-7')).status, 400)
	assert.equal((await get('/rpc/lookup?code_system=nothing&code=1')).status, 400)
})

test('patient_history shows what was done, and no connection', async () => {
	const one = await patient()
	await patch(`/patients?id=eq.${one.id}`, { name: 'Changed Name' }, { 'X-Reason': 'married' })
	const { status, body } = await get(`/rpc/patient_history?patient=${one.id}`)
	assert.equal(status, 200)
	assert.deepEqual(body.map((e) => [e.action, e.reason]), [['UPDATE', 'married'], ['INSERT', null]])
	assert.equal(body[0].new_values.name, 'Changed Name')
	for (const key of ['client_addr', 'jti', 'request_id', 'path', 'session_role']) assert.ok(!(key in body[0]), key)
	assert.deepEqual((await get(`/rpc/patient_history?patient=${one.id}&max=1&before=${encodeURIComponent(body[0].logged_at)}`)).body.map((e) => e.action), ['INSERT'])
	assert.equal((await get('/rpc/patient_history?patient=00000000-0000-4000-8000-0000000000ff')).status, 404)
})

test('the trail is verified by a range of seals', async () => {
	const { last_seal } = (await get('/rpc/audit_status')).body[0]
	if (last_seal !== null) assert.deepEqual((await post('/rpc/verify_audit', { first_seal: 1, last_seal })).body, [])
	assert.equal((await get('/rpc/verify_audit?first_seal=1')).status, 405)
	assert.equal((await post('/rpc/audit_proof', { era: 1, xid: 1, n: 99 })).status, 404)
})

test('records are validated again in pieces', async () => {
	const answer = await post('/rpc/revalidate_batch', { code_system: 'ICD-10-CM', batch: 1 })
	assert.equal(answer.status, 200, answer.text)
	assert.deepEqual(Object.keys(answer.body[0]).sort(), ['changed', 'checked', 'finished'])
	for (let i = 0; i < 1000; i++) if ((await post('/rpc/revalidate_batch', { code_system: 'ICD-10-CM', batch: 10000 })).body[0].finished) return
	assert.fail('it does not end')
})

test('table_sizes has every table, the largest first', async () => {
	const { body } = await get('/rpc/table_sizes')
	assert.ok(body.some((t) => t.table_name === 'patient' && t.bytes > 0))
	assert.deepEqual(body.map((t) => t.bytes), body.map((t) => t.bytes).sort((a, b) => b - a))
})

test('arguments that fit no function are refused at once', async () => {
	for (const name of ['lookup', 'check_patients', 'patient_history', 'verify_audit', 'unload_release'])
		assert.equal((await post(`/rpc/${name}`, { nothing: 1 })).status, 404, name)
})

const upload = (path, body, method = 'PUT') => fetch(URL_BASE + '/releases/' + path, { method, body, headers: { 'Content-Type': 'application/octet-stream' } })
const codes = Array.from({ length: 300 }, (_, i) => [`B${String(i).padStart(3, '0')}`, 1, 'Uploaded', `Uploaded number ${i}`])

test('a release is uploaded by one PUT, and unloaded', async () => {
	const answer = await upload('HCPCS/upload%201?effective_from=2020-01-01&format=csv&source=a%20test', 'code,display\n' + codes.map((c) => `${c[0].slice(0, 1)}4${c[0].slice(1)},${c[3]}\n`).join(''))
	const release = await answer.json()
	assert.equal(answer.status, 200, JSON.stringify(release))
	assert.deepEqual([release.code_system, release.version, release.rows, release.source, release.warnings], ['HCPCS', 'upload 1', 300, 'a test', []])
	assert.equal((await post('/rpc/unload_release', { code_system: 'HCPCS', version: 'upload 1' })).body, true)
	assert.equal((await post('/rpc/unload_release', { code_system: 'HCPCS', version: 'upload 1' })).body, false)
})

test('a file larger than a request may be is uploaded', async () => {
	const line = (i) => `0D${(i + 34 ** 4).toString(34).toUpperCase().replace(/[IO]/g, (c) => (c === 'I' ? 'Y' : 'Z'))},${'x'.repeat(900)} ${i}\n`
	let file = 'code,display\n'
	for (let i = 0; file.length < 18e6; i++) file += line(i)
	const answer = await upload('ICD-10-PCS/large?effective_from=2020-10-01&format=csv', file)
	// whatever the loader says to these codes, the file has come to it
	assert.ok([200, 400].includes(answer.status), String(answer.status))
	assert.doesNotMatch(await answer.text(), /too large/)
	await post('/rpc/unload_release', { code_system: 'ICD-10-PCS', version: 'large' })
})

test('what is no release, or lacks its day, is refused', async () => {
	const file = orderFile([['A00', 1, 'x', 'x']])
	for (const [path, status] of [['ICD-10-CM/none', 400], ['ICD-10-CM/none?effective_from=never', 400], ['Nothing/1?effective_from=2020-01-01', 400],
		['ICD-10-CM/none?effective_from=2020-01-01&format=loinc', 400], ['ICD-10-CM/..%2f?effective_from=2020-01-01', 404], ['ICD-10-CM?effective_from=2020-01-01', 404]]) {
		const answer = await upload(path, file)
		assert.equal(answer.status, status, path)
		assert.deepEqual(Object.keys(await answer.json()).sort(), ['code', 'details', 'hint', 'message'], path)
	}
	assert.equal((await fetch(URL_BASE + '/releases/ICD-10-CM/1')).status, 405)
	assert.equal((await upload('ICD-10-CM/empty?effective_from=2020-01-01', '')).status >= 400, true)
})

test('no client names a file of the server', async () => {
	for (const file of ['/etc/passwd', '1', '../1']) {
		assert.equal((await post('/rpc/upload_release', {}, { 'X-File': file })).status, 404)
		const answer = await call('PUT', '/releases/ICD-10-CM/named?effective_from=2020-01-01', 'x', { 'X-File': file })
		assert.doesNotMatch(answer.text, /root:/)
		assert.equal((await post('/rpc/load_release_file', { file })).status, 404)
	}
})

test('a body that is announced too large is refused before it comes', async () => {
	const { hostname, port } = new URL(URL_BASE)
	const answer = await new Promise((resolve) => {
		const socket = connect(Number(port), hostname)
		let text = ''
		socket.on('data', (d) => { text += d })
		socket.on('close', () => resolve(text))
		// nginx may reset a connection whose body it does not read
		socket.on('error', () => resolve(text))
		socket.write(`PUT /api/releases/ICD-10-CM/1?effective_from=2020-01-01 HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${2 ** 31}\r\nConnection: close\r\n\r\n`)
	})
	assert.match(answer, /^HTTP\/1\.1 413 /)
	assert.match(answer, /At most 1 GB/)
})
