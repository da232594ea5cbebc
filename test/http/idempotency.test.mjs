// Idempotency-Key: a POST that comes twice is done once, and answered twice in the same way.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { get, post, call, count, patient, person, newId, loadCodes } from './api.mjs'

const keyed = (path, body, key, headers) => post(path, body, { 'Idempotency-Key': key, ...headers })
const isError = (answer, status) => {
	assert.equal(answer.status, status, answer.text)
	assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'details', 'hint', 'message'], answer.text)
}
const same = (a, b) => assert.deepEqual(['status', 'text'].map((k) => b[k]).concat(['location', 'etag', 'content-type'].map((h) => b.headers.get(h))),
	['status', 'text'].map((k) => a[k]).concat(['location', 'etag', 'content-type'].map((h) => a.headers.get(h))))

before(loadCodes)

test('the same request with the same key stores one row and gets the same answer', async () => {
	const row = person()
	for (const key of [randomUUID(), `"${randomUUID()}"`, 'x', 'k'.repeat(255)]) {
		const one = key.length < 36 || key.length > 38 ? person() : person({ patient_id: newId() })
		const suffix = key === 'x' || key.length === 255 ? key.slice(0, 200) + newId() : key
		const first = await keyed('/patients/', one, suffix)
		assert.equal(first.status, 201, first.text)
		assert.equal(first.body.patient_id, one.patient_id)
		assert.equal(first.headers.get('location'), `/api/patients/${first.body.id}/`)
		assert.match(first.headers.get('etag'), /^"1-/)
		assert.equal(first.headers.get('idempotency-replayed'), null)
		const again = await keyed('/patients', one, suffix)
		same(first, again)
		assert.equal(again.headers.get('idempotency-replayed'), 'true')
		assert.equal(await count(`/patients?patient_id=eq.${one.patient_id}`), 1)
	}
	assert.equal((await post('/patients', row)).headers.get('idempotency-replayed'), null)
})

test('the answer is the first one, whatever has become of the row since', async () => {
	const key = randomUUID()
	const body = person()
	const first = await keyed('/patients', body, key)
	await call('PATCH', `/patients/${first.body.id}`, { name: 'Later' })
	same(first, await keyed('/patients', body, key))
	await call('DELETE', `/patients/${first.body.id}`)
	same(first, await keyed('/patients', body, key))
	assert.equal(await count(`/patients?patient_id=eq.${body.patient_id}`), 0)
})

test('a keyed answer is the one that a request without a key gets', async () => {
	const { id } = await patient()
	const shape = (answer) => [answer.status, Array.isArray(answer.body) ? answer.body.map((r) => Object.keys(r)) : Object.keys(answer.body), answer.text && answer.headers.get('content-type'), answer.headers.has('location')]
	for (const [path, body, headers] of [['/patients', () => person()], ['/patients', () => [person(), person()]], ['/patients?select=id,name', () => person()], ['/patients?select=*', () => [person()]], ['/patients', () => person(), { Prefer: 'return=minimal' }],
		['/patients', () => person(), { Prefer: 'return=representation' }], ['/patients?columns=name,age,gender,patient_id', () => [person(), { ...person(), odd: 1 }]], ['/patients?columns=%22name%22,%22age%22,%22gender%22,%22patient_id%22&select=*', () => [person()]],
		['/diagnoses', () => ({ patient_id: id, code: 'e119' })], ['/diagnoses?columns=patient_id,code,code_system', () => [{ patient_id: id, code: 'I10' }], { Prefer: 'missing=default' }], ['/patients', () => []],
		['/patients', () => person(), { Accept: 'application/vnd.pgrst.object+json' }]]) {
		const plain = await post(path, body(), headers)
		const answer = await keyed(path, body(), randomUUID(), headers)
		const expected = shape(plain)
		if (headers?.Accept) expected[2] = 'application/json; charset=utf-8'
		assert.deepEqual(shape(answer), expected, `${path} ${plain.text} ${answer.text}`)
	}
	const bare = await keyed('/diagnoses?columns=patient_id,code,code_system', [{ patient_id: id, code: 'I10' }], randomUUID(), { Prefer: 'missing=default' })
	assert.equal(bare.body[0].code_system, 'ICD-10-CM')
})

test('another request with the same key is 422 and stores nothing', async () => {
	const key = randomUUID()
	const first = await keyed('/patients', person(), key)
	assert.equal(first.status, 201, first.text)
	const other = person()
	for (const answer of [await keyed('/patients', other, key), await keyed('/patients', [other], key), await keyed('/patients?select=id', other, key), await keyed('/rpc/record_visit', { visit: { patient: other } }, key)]) isError(answer, 422)
	assert.equal(await count(`/patients?patient_id=eq.${other.patient_id}`), 0)
})

test('what has failed is not kept: the key may be used again', async () => {
	const key = randomUUID()
	const taken = await patient()
	isError(await keyed('/patients', person({ age: 200 }), key), 400)
	isError(await keyed('/patients', person({ patient_id: taken.patient_id }), key), 409)
	isError(await keyed('/patients', { agee: 1 }, key), 400)
	isError(await keyed('/patients', '{"name":', key), 400)
	isError(await keyed('/patients', [person(), { name: 'x' }], key), 400)
	isError(await keyed('/patients', '5', key), 400)
	isError(await keyed('/rpc/record_visit', { vsit: 1 }, key), 404)
	const good = await keyed('/patients', person(), key)
	assert.equal(good.status, 201, good.text)
})

test('errors are those of a request without a key', async () => {
	for (const [path, body] of [['/patients', person({ age: 200, gender: 'robot' })], ['/patients', { agee: 1 }], ['/patients', person({ patient_id: 'Q'.repeat(21) })], ['/patients', person({ age: 'abc' })], ['/diagnoses', { patient_id: randomUUID(), code: 'I10' }],
		['/rpc/record_visit', { visit: { patient: { name: '' } } }], ['/rpc/confirm', { record: randomUUID() }], ['/rpc/suggest_nothing', {}]]) {
		const plain = await post(path, body)
		const answer = await keyed(path, body, randomUUID())
		assert.deepEqual([answer.status, answer.body.code, answer.body.details, answer.body.message], [plain.status, plain.body.code, plain.body.details, plain.body.message])
	}
})

test('functions that write take a key as well', async () => {
	const key = randomUUID()
	const visit = { visit: { patient: person(), diagnoses: [{ code: 'I10' }, { code: 'E11.9' }] } }
	const first = await keyed('/rpc/record_visit', visit, key)
	assert.equal(first.status, 200, first.text)
	assert.equal(first.body.diagnoses.length, 2)
	same(first, await keyed('/rpc/record_visit/', visit, key))
	assert.equal(await count(`/diagnoses?patient_id=eq.${first.body.patient.id}`), 2)
	const record = first.body.diagnoses[0].id
	const confirmed = await keyed('/rpc/confirm', { record }, randomUUID())
	assert.deepEqual([confirmed.status, confirmed.body.status], [200, 'confirmed'], confirmed.text)
	const version = confirmed.body.version
	const reject = randomUUID()
	const rejected = await keyed('/rpc/reject', { record, version }, reject)
	assert.equal(rejected.body.status, 'rejected', rejected.text)
	same(rejected, await keyed('/rpc/reject', { record, version }, reject))
})

test('two at once with the same key store one row', async () => {
	for (let round = 0; round < 5; round++) {
		const key = randomUUID()
		const body = person()
		const answers = await Promise.all(Array.from({ length: 6 }, () => keyed('/patients', body, key)))
		const done = answers.filter((a) => a.status === 201)
		assert.ok(done.length >= 1)
		for (const answer of answers) if (answer.status !== 201) isError(answer, 409)
		assert.equal(new Set(done.map((a) => a.text)).size, 1)
		assert.equal(await count(`/patients?patient_id=eq.${body.patient_id}`), 1)
	}
})

test('the audit trail has a keyed request as it has others', async () => {
	const answer = await keyed('/patients', person(), randomUUID(), { 'X-Reason': 'admission' })
	const [event] = (await get(`/audit_events?patient_id=eq.${answer.body.id}`)).body
	assert.deepEqual([event.method, event.path, event.request_id, event.reason], ['POST', '/patients', answer.headers.get('x-request-id'), 'admission'])
})

test('keys and requests that cannot be kept are refused before anything is stored', async () => {
	const body = person()
	for (const key of ['k'.repeat(256), 'a b', 'ä'.slice(0, 0) + '\x80', '""']) {
		const answer = await keyed('/patients', body, key)
		isError(answer, 400)
	}
	isError(await keyed('/patients?on_conflict=patient_id', body, randomUUID()), 400)
	isError(await keyed('/patients?select=diagnoses(id)', body, randomUUID()), 400)
	isError(await keyed('/patients', body, randomUUID(), { Prefer: 'resolution=merge-duplicates' }), 400)
	isError(await keyed('/patients', `name,age,gender,patient_id\nX,1,other,${body.patient_id}\n`, randomUUID(), { 'Content-Type': 'text/csv' }), 415)
	isError(await keyed('/codes', { code: 'x' }, randomUUID()), 405)
	assert.equal(await count(`/patients?patient_id=eq.${body.patient_id}`), 0)
})

test('GET and PATCH ignore a key, and so do functions that only read', async () => {
	const row = await patient()
	const key = { 'Idempotency-Key': randomUUID() }
	assert.equal((await get(`/patients/${row.id}`, key)).status, 200)
	for (const age of [5, 6]) assert.equal((await call('PATCH', `/patients/${row.id}`, { age }, key)).body.age, age)
	for (const code of ['I10', 'E11.9']) assert.equal((await post('/rpc/validate_code', { code_system: 'ICD-10-CM', code }, key)).body[0].code, code)
})
