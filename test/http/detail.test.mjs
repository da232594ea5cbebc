// The address of one record: methods, ETag and preconditions, what is not there, and what a POST says of the row that it made.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { get, post, patch, del, call, patient, person, record, faults, newId, loadCodes, URL_BASE } from './api.mjs'

const NOWHERE = '00000000-0000-4000-8000-000000000000'
const put = (path, body, headers) => call('PUT', path, body, headers)
const head = (path, headers) => call('HEAD', path, undefined, headers)
const etag = (answer) => answer.headers.get('etag')
const isError = (answer, status) => {
	assert.equal(answer.status, status, answer.text)
	assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'details', 'hint', 'message'], answer.text)
}

before(loadCodes)

// a row of each table with an address of its own, and a change of it
const made = {
	patients: async () => [await patient(), { name: 'Changed' }],
	diagnoses: async () => [await record('/diagnoses', { patient_id: (await patient()).id, code: 'I10' }), { description: 'changed' }],
	treatments: async () => [await record('/treatments', { patient_id: (await patient()).id, code: '99213' }), { description: 'changed' }],
	accounts: async () => [await record('/accounts', { username: 'u' + newId(), role: 'coder' }), { first_name: 'Changed' }],
}

for (const table of Object.keys(made)) {
	test(`${table}: GET, HEAD, PATCH and DELETE of one record, with and without slash`, async () => {
		const [row, change] = await made[table]()
		const path = `/${table}/${row.id}`
		for (const one of [path, path + '/']) {
			const answer = await get(one)
			assert.equal(answer.status, 200, answer.text)
			assert.deepEqual({ ...answer.body, last_visit: null }, { ...row, last_visit: null })
			assert.match(answer.headers.get('content-type'), /^application\/json\b/)
			const bare = await head(one)
			assert.deepEqual([bare.status, bare.text, etag(bare)], [200, '', etag(answer)])
		}
		const changed = await patch(path + '/', change)
		assert.equal(changed.status, 200, changed.text)
		assert.deepEqual([changed.body.version, changed.body[Object.keys(change)[0]]], [2, Object.values(change)[0]])
		assert.notEqual(etag(changed), etag(await head(`/${table}/${NOWHERE}`)))
		assert.equal(etag(changed), etag(await get(path)))
		const gone = await del(path)
		assert.deepEqual([gone.status, gone.text], [204, ''])
		for (const answer of [await get(path), await patch(path, change), await put(path, { ...row, ...change }), await del(path), await del(path + '/')]) isError(answer, 404)
	})

	test(`${table}: a stale If-Match is refused with 412 and changes nothing, the current one is accepted`, async () => {
		const [row, change] = await made[table]()
		const path = `/${table}/${row.id}/`
		const old = etag(await get(path))
		assert.match(old, /^"1(-\d+)?"$/)
		const first = await patch(path, change, { 'If-Match': old })
		assert.equal(first.status, 200, first.text)
		for (const answer of [await patch(path, change, { 'If-Match': old }), await put(path, { ...row, ...change }, { 'If-Match': old }), await del(path, { 'If-Match': old }), await get(path, { 'If-Match': old })]) isError(answer, 412)
		assert.equal((await get(path)).body.version, 2)
		for (const tag of [`"7", ${etag(first)}`, 'W/' + etag(first), '*']) assert.equal((await get(path, { 'If-Match': tag })).status, 200, tag)
		assert.equal((await del(path, { 'If-Match': etag(first) })).status, 204)
	})

	test(`${table}: If-None-Match is answered with 304 until the record changes`, async () => {
		const [row, change] = await made[table]()
		const path = `/${table}/${row.id}/`
		const tag = etag(await get(path))
		for (const list of [tag, `"x", ${tag}`, 'W/' + tag, '*']) {
			const answer = await get(path, { 'If-None-Match': list })
			assert.deepEqual([answer.status, answer.text, etag(answer)], [304, '', tag], list)
		}
		assert.equal((await patch(path, change)).status, 200)
		const again = await get(path, { 'If-None-Match': tag })
		assert.equal(again.status, 200)
		assert.notEqual(etag(again), tag)
		isError(await put(path, row, { 'If-None-Match': '*' }), 412)
	})

	test(`${table}: a POST of one object says where the row is, and its version`, async () => {
		const [row] = await made[table]()
		const copy = table === 'patients' ? person() : table === 'accounts' ? { username: 'u' + newId(), role: 'coder' } : { patient_id: row.patient_id, code: row.code }
		const answer = await post(`/${table}/`, copy)
		assert.equal(answer.status, 201, answer.text)
		assert.equal(answer.headers.get('location'), `/api/${table}/${answer.body.id}/`)
		const there = await fetch(new URL(answer.headers.get('location'), URL_BASE))
		assert.equal(there.status, 200)
		if (table !== 'patients') assert.equal(there.headers.get('etag'), etag(answer))
		assert.equal((await there.json()).id, answer.body.id)
	})
}

test('a list of rows sent has no Location and no ETag', async () => {
	for (const rows of [[person(), person()], [person()]]) {
		const answer = await post('/patients', rows)
		assert.equal(answer.status, 201)
		assert.deepEqual([answer.headers.get('location'), etag(answer)], [null, null])
	}
	assert.equal(etag(await get('/patients?limit=1')), null)
	const visit = await post('/rpc/record_visit', { visit: { patient: person(), diagnoses: [{ code: 'I10' }] } })
	assert.deepEqual([visit.status, visit.headers.get('location'), etag(visit)], [200, null, null])
})

test('Location comes with every return preference, and after an upsert it is that of the stored row', async () => {
	for (const prefer of ['return=minimal', 'return=headers-only', 'return=representation', 'count=exact']) {
		const answer = await post('/patients', person(), { Prefer: prefer })
		assert.match(answer.headers.get('location'), /^\/api\/patients\/[0-9a-f-]{36}\/$/, prefer)
	}
	const row = await patient()
	const again = await post('/patients?on_conflict=patient_id', person({ patient_id: row.patient_id, age: 77 }), { Prefer: 'resolution=merge-duplicates' })
	assert.equal(again.headers.get('location'), `/api/patients/${row.id}/`)
	const ignored = await post('/patients?on_conflict=patient_id', person({ patient_id: row.patient_id }), { Prefer: 'resolution=ignore-duplicates' })
	assert.equal(ignored.headers.get('location'), null)
})

test('a diagnosis changes the ETag of its patient, but does not make their version stale', async () => {
	const row = await patient()
	const tag = etag(await get(`/patients/${row.id}`))
	await record('/diagnoses', { patient_id: row.id, code: 'I10' })
	const now = await get(`/patients/${row.id}`, { 'If-None-Match': tag })
	assert.equal(now.status, 200)
	assert.notEqual(now.body.last_visit, row.last_visit)
	assert.equal((await patch(`/patients/${row.id}`, { age: 50 }, { 'If-Match': tag })).status, 200)
})

test('what select embeds is never answered with 304', async () => {
	const row = await patient()
	const path = `/patients/${row.id}/?select=name,diagnoses(code)`
	const first = await get(path)
	assert.deepEqual(first.body, { name: row.name, diagnoses: [] })
	assert.equal((await get(path, { 'If-None-Match': etag(first) })).status, 200)
})

test('PUT replaces a whole record: columns left out get their default, or are faults', async () => {
	const row = await patient({ birth_date: '1980-01-01' })
	const path = `/patients/${row.id}/`
	const missing = await put(path, { name: 'Only' })
	isError(missing, 400)
	assert.deepEqual(faults(missing).map((f) => f.field).sort(), ['age', 'gender', 'patient_id'])
	const whole = await put(path, { name: 'Whole', age: 30, gender: 'female', patient_id: row.patient_id })
	assert.equal(whole.status, 200, whole.text)
	assert.deepEqual([whole.body.name, whole.body.birth_date, whole.body.age, whole.body.version, whole.body.id], ['Whole', null, 30, 2, row.id])

	const diagnosis = await record('/diagnoses', { patient_id: row.id, code: 'E11.9', description: 'Own words' })
	const other = await put(`/diagnoses/${diagnosis.id}`, { patient_id: row.id, code: 'I10' })
	assert.equal(other.status, 200, other.text)
	assert.deepEqual([other.body.code, other.body.code_system, other.body.description, other.body.status], ['I10', 'ICD-10-CM', 'Essential (primary) hypertension', 'valid'])
})

test('PUT takes a record as GET gave it, and refuses one of an older version', async () => {
	for (const table of Object.keys(made)) {
		const [row] = await made[table]()
		const path = `/${table}/${row.id}`
		const read = (await get(path)).body
		const same = await put(path, read)
		assert.equal(same.status, 200, `${table} ${same.text}`)
		await patch(path, (await made[table]())[1])
		isError(await put(path, read), 409)
		isError(await put(path, { ...read, version: 99 }), 409)
	}
})

test('a PATCH of nothing, or of what medrec keeps, is no error and finds the record', async () => {
	const row = await patient()
	assert.deepEqual((await patch(`/patients/${row.id}`, {})).body, row)
	isError(await patch(`/patients/${NOWHERE}`, {}), 404)
	assert.equal((await patch(`/patients/${row.id}`, { last_visit: '2001-01-01' })).body.last_visit, row.last_visit)
	isError(await patch(`/patients/${row.id}`, { id: randomUUID() }), 400)
})

test('return=minimal and return=representation are honoured for one record', async () => {
	const row = await patient()
	const minimal = await patch(`/patients/${row.id}`, { age: 9 }, { Prefer: 'return=minimal' })
	assert.deepEqual([minimal.status, minimal.text], [204, ''])
	assert.equal(etag(minimal), etag(await get(`/patients/${row.id}`)))
	isError(await patch(`/patients/${NOWHERE}`, { age: 9 }, { Prefer: 'return=minimal' }), 404)
	const gone = await del(`/patients/${row.id}`, { Prefer: 'return=representation' })
	assert.deepEqual([gone.status, gone.body.id], [200, row.id])
})

test('a DELETE of a patient with records is refused and leaves both', async () => {
	const row = await patient()
	const diagnosis = await record('/diagnoses', { patient_id: row.id, code: 'I10' })
	isError(await del(`/patients/${row.id}/`), 409)
	assert.equal((await get(`/diagnoses/${diagnosis.id}`)).status, 200)
})

test('POST to one record is 405 and says what is allowed, and so is a write to what is only read', async () => {
	const { id } = await patient()
	for (const [method, path, allow] of [['POST', `/patients/${id}`, 'GET, HEAD, PATCH, PUT, DELETE, OPTIONS'], ['POST', '/accounts/1/', 'GET, HEAD, PATCH, PUT, DELETE, OPTIONS'],
		['POST', '/codes', 'GET, HEAD, OPTIONS'], ['DELETE', '/codes?code=eq.X', 'GET, HEAD, OPTIONS'], ['DELETE', '/codes', 'GET, HEAD, OPTIONS'], ['PATCH', '/code_systems?name=eq.X', 'GET, HEAD, OPTIONS'],
		['PUT', '/code_releases/1', 'GET, HEAD, OPTIONS'], ['POST', '/audit_events', 'GET, HEAD, OPTIONS'], ['DELETE', '/archived_audit_events?xid=eq.1', 'GET, HEAD, OPTIONS'], ['PUT', '/rpc/suggest', 'GET, HEAD, POST, OPTIONS'],
		['GET', '/rpc/confirm', 'POST, OPTIONS'], ['POST', '/', 'GET, HEAD, OPTIONS']]) {
		const answer = await call(method, path, method === 'GET' ? undefined : {})
		isError(answer, 405)
		assert.equal(answer.headers.get('allow'), allow, `${method} ${path}`)
	}
	const options = await call('OPTIONS', `/patients/${id}`)
	assert.deepEqual([options.status, options.headers.get('allow')], [204, 'GET, HEAD, PATCH, PUT, DELETE, OPTIONS'])
	assert.equal((await get(`/patients/${id}`)).headers.get('allow'), null)
})

test('the address of one record takes select alone, and only an id', async () => {
	const { id } = await patient()
	for (const query of ['age=eq.5', 'limit=1', 'select=name&age=eq.5', 'columns=name', 'or=(age.eq.1)']) isError(await patch(`/patients/${id}?${query}`, { age: 1 }), 400)
	for (const path of ['/patients/x', `/patients/${id}/x`, `/patients/${id}x`, '/accounts/2147483648', '/accounts/x', '/accounts/-1', '/codes/1', `/rpc/${id}`]) isError(await get(path), 404)
	isError(await get('/accounts/2147483647'), 404)
	assert.deepEqual((await get(`/patients/${id}?select=id`)).body, { id })
	assert.deepEqual((await patch(`/patients/${id}?select=age`, { age: 12 })).body, { age: 12 })
	assert.equal((await get(`/patients/${id.toUpperCase()}`)).status, 200)
})

test('of clients that PATCH with the same If-Match at once, one succeeds', async () => {
	const row = await patient()
	const tag = etag(await get(`/patients/${row.id}`))
	const answers = await Promise.all([51, 52, 53, 54, 55].map((age) => patch(`/patients/${row.id}`, { age }, { 'If-Match': tag })))
	assert.deepEqual(answers.map((a) => a.status).sort(), [200, 412, 412, 412, 412])
	assert.equal((await get(`/patients/${row.id}`)).body.version, 2)
})

test('the audit trail has the request to one record as it has others', async () => {
	const row = await patient()
	const answer = await patch(`/patients/${row.id}/`, { age: 46 })
	const events = (await get(`/audit_events?patient_id=eq.${row.id}&order=xid&select=action,method,path,request_id`)).body
	assert.deepEqual(events[1], { action: 'UPDATE', method: 'PATCH', path: '/patients', request_id: answer.headers.get('x-request-id') })
})

test('an audit event has an id and an address', async () => {
	const row = await patient()
	const [event] = (await get(`/audit_events?patient_id=eq.${row.id}`)).body
	assert.equal(event.id, `${event.era}-${event.xid}-${event.n}`)
	for (const answer of [await get(`/audit_events/${event.id}/`), await get(`/audit_events/${event.id}`)]) {
		assert.equal(answer.status, 200, answer.text)
		assert.deepEqual(answer.body, event)
	}
	assert.deepEqual((await get(`/audit_events?id=eq.${event.id}`)).body, [event])
	assert.deepEqual((await get(`/audit_events?id=in.(${event.id})&xid=eq.${event.xid}`)).body, [event])
	isError(await get(`/audit_events/${event.era}-${event.xid}-999999999`), 404)
	isError(await del(`/audit_events/${event.id}`), 405)
})
