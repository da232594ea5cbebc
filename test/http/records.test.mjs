// Patients, diagnoses and treatments over HTTP: the seed's call, and what else a client of PostgREST expects.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { get, post, patch, del, call, count, patient, person, record, newId, loadCodes, URL_BASE } from './api.mjs'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

before(loadCodes)

test('the seed\'s own call creates a patient and returns it', async () => {
	const seed = { name: 'John Doe', age: 45, gender: 'male', patient_id: 'P1234' }
	await del('/patients?patient_id=eq.P1234')
	const began = Date.now()
	const answer = await fetch(URL_BASE + '/patients/', {
		method: 'POST',
		headers: { 'Content-Type': 'application/json' },
		body: '{"name":"John Doe","age":45,"gender":"male","patient_id":"P1234"}',
	})
	assert.equal(answer.status, 201)
	assert.match(answer.headers.get('content-type'), /^application\/json\b/)
	const body = await answer.json()
	for (const [key, value] of Object.entries(seed)) assert.equal(body[key], value)
	assert.match(body.id, UUID)
	assert.ok(Date.parse(body.last_visit) >= began && Date.parse(body.last_visit) <= Date.now(), 'last_visit is now')
	assert.equal(body.version, 1)
})

test('an address with and without trailing slash is the same, with its query', async () => {
	const { id } = await patient()
	const rows = []
	for (const path of [`/patients?id=eq.${id}&select=id,name`, `/patients/?id=eq.${id}&select=id,name`, `/patients//?id=eq.${id}&select=id,name`]) {
		const answer = await fetch(URL_BASE + path, { redirect: 'error' })
		assert.equal(answer.status, 200)
		rows.push(await answer.text())
	}
	assert.equal(new Set(rows).size, 1)
	assert.equal(JSON.parse(rows[0]).length, 1)
})

test('values in a query keep their escapes', async () => {
	const row = await patient({ name: 'A&B / C=D? é 100%' })
	const found = await get(`/patients/?name=eq.${encodeURIComponent(row.name)}&id=eq.${row.id}`)
	assert.deepEqual(found.body.map((r) => r.name), [row.name])
})

test('one object sent returns one object, whatever white space precedes it', async () => {
	const answer = await post('/patients', ' \r\n\t' + JSON.stringify(person()))
	assert.equal(answer.status, 201, answer.text)
	assert.ok(!Array.isArray(answer.body))
})

test('an array sent returns an array, of one or of many', async () => {
	for (const rows of [[person()], [person(), person({ name: '{' })]]) {
		const answer = await post('/patients', '\n ' + JSON.stringify(rows))
		assert.equal(answer.status, 201, answer.text)
		assert.deepEqual(answer.body.map((r) => r.patient_id), rows.map((r) => r.patient_id))
	}
})

test('an object in chunks of unknown length returns one object too', async () => {
	const text = JSON.stringify(person())
	const stream = new ReadableStream({
		start(controller) {
			for (const part of [text.slice(0, 5), text.slice(5)]) controller.enqueue(new TextEncoder().encode(part))
			controller.close()
		},
	})
	const answer = await fetch(URL_BASE + '/patients/', {
		method: 'POST', body: stream, duplex: 'half', headers: { 'Content-Type': 'application/json' },
	})
	assert.equal(answer.status, 201)
	assert.ok(!Array.isArray(await answer.json()))
})

test('curl -d without a content type is read as JSON', async () => {
	const answer = await post('/patients/', JSON.stringify(person()), { 'Content-Type': 'application/x-www-form-urlencoded' })
	assert.equal(answer.status, 201, answer.text)
	assert.match(answer.body.id, UUID)
})

test('a client that wants CSV, or PostgREST\'s own type, gets it', async () => {
	const csv = await post('/patients', person(), { Accept: 'text/csv' })
	assert.equal(csv.status, 201)
	assert.match(csv.headers.get('content-type'), /^text\/csv/)
	assert.equal(csv.text.split('\n').length, 2)
	const object = await post('/patients', [person()], { Accept: 'application/vnd.pgrst.object+json' })
	assert.equal(object.status, 201)
	assert.match(object.headers.get('content-type'), /^application\/vnd\.pgrst\.object\+json/)
	assert.ok(!Array.isArray(object.body))
})

test('a write returns the row by default; a client\'s own return preference is honoured', async () => {
	const byDefault = await post('/patients', person())
	assert.equal(byDefault.headers.get('preference-applied'), 'return=representation')
	const minimal = await post('/patients', person(), { Prefer: 'return=minimal' })
	assert.equal(minimal.status, 201)
	assert.equal(minimal.text, '')
	const headers = await post('/patients', person(), { Prefer: 'return=headers-only' })
	assert.equal(headers.text, '')
	const there = await fetch(new URL(headers.headers.get('location'), URL_BASE))
	assert.equal(there.status, 200)
	assert.match((await there.json()).id, UUID)
})

test('a client\'s other preferences are kept', async () => {
	const answer = await post('/patients', [person(), person()], { Prefer: 'count=exact' })
	assert.equal(answer.status, 201)
	assert.equal(answer.body.length, 2)
	assert.equal(answer.headers.get('content-range'), '*/2')
	assert.match(answer.headers.get('preference-applied'), /count=exact/)
})

test('CSV in bulk is stored', async () => {
	const ids = [newId(), newId()]
	const answer = await post('/patients', `name,age,gender,patient_id\n"Doe, Jane",30,female,${ids[0]}\nX,1,other,${ids[1]}\n`, { 'Content-Type': 'text/csv' })
	assert.equal(answer.status, 201, answer.text)
	assert.deepEqual(answer.body.map((r) => [r.name, r.patient_id]), [['Doe, Jane', ids[0]], ['X', ids[1]]])
})

test('1,000 rows of JSON in one request are stored, all or none', async () => {
	const rows = Array.from({ length: 1000 }, () => person())
	const answer = await post('/patients', rows)
	assert.equal(answer.status, 201, answer.text.slice(0, 500))
	assert.equal(answer.body.length, 1000)
	const again = [person(), person({ patient_id: rows[0].patient_id })]
	assert.equal((await post('/patients', again)).status, 409)
	assert.equal(await count(`/patients?patient_id=eq.${again[0].patient_id}`), 0)
})

test('filters, order, limit and selected columns work', async () => {
	const name = 'Filter ' + newId()
	await post('/patients', [20, 40, 60].map((age) => person({ name, age })))
	const rows = (await get(`/patients?name=eq.${encodeURIComponent(name)}&age=gte.40&order=age.desc&select=age`)).body
	assert.deepEqual(rows, [{ age: 60 }, { age: 40 }])
})

test('pages and counts work', async () => {
	const name = 'Page ' + newId()
	await post('/patients', Array.from({ length: 5 }, (_, i) => person({ name, age: i })))
	const page = await get(`/patients?name=eq.${encodeURIComponent(name)}&order=age`, { Range: '2-3', Prefer: 'count=exact' })
	assert.equal(page.status, 206)
	assert.equal(page.headers.get('content-range'), '2-3/5')
	assert.deepEqual(page.body.map((r) => r.age), [2, 3])
	const beyond = await get(`/patients?name=eq.${encodeURIComponent(name)}&offset=9`, { Prefer: 'count=exact' })
	assert.equal(beyond.status, 416)
})

test('a patient with its diagnoses and treatments comes in one answer', async () => {
	const { id } = await patient()
	await record('/diagnoses', { patient_id: id, code: 'e119' })
	await record('/diagnoses', { patient_id: id, code: 'I10' })
	await record('/treatments', { patient_id: id, code: '99213' })
	const answer = await get(`/patients?select=*,diagnoses(*),treatments(*)&id=eq.${id}`)
	assert.equal(answer.status, 200, answer.text)
	assert.deepEqual(answer.body[0].diagnoses.map((d) => d.code).sort(), ['E11.9', 'I10'])
	assert.equal(answer.body[0].treatments[0].code_system, 'CPT')
	const up = await get(`/diagnoses?select=code,patients(patient_id)&patient_id=eq.${id}&code=eq.I10`)
	assert.equal(up.body[0].patients.patient_id, answer.body[0].patient_id)
})

test('a diagnosis is normalised, validated and titled when stored', async () => {
	const { id } = await patient()
	const row = await record('/diagnoses/', { patient_id: id, code: 'e119', code_system: 'http://hl7.org/fhir/sid/icd-10-cm' })
	assert.equal(row.code, 'E11.9')
	assert.equal(row.code_system, 'ICD-10-CM')
	assert.equal(row.status, 'valid')
	assert.deepEqual(row.issues, [])
	assert.ok(row.validated_by)
	assert.ok(Date.parse(row.validation_date))
	const header = await record('/diagnoses', { patient_id: id, code: 'E11' })
	assert.equal(header.status, 'review')
	assert.equal(header.issues.length, 1)
})

test('an unknown code is stored as invalid, with suggestions of the promised shape', async () => {
	const { id } = await patient()
	const row = await record('/diagnoses', { patient_id: id, code: 'E11.99', description: 'Type 2 diabetes mellitus without complications' })
	assert.equal(row.status, 'invalid')
	assert.ok(row.issues.some((i) => i.severity === 'error'))
	assert.ok(row.suggestions.length >= 1 && row.suggestions.length <= 5)
	for (const s of row.suggestions) {
		for (const key of ['code', 'display', 'code_system', 'score', 'source', 'reason']) assert.ok(key in s, key)
		assert.ok(s.score >= 0 && s.score <= 1)
	}
	assert.equal(row.suggestions[0].code, 'E11.9')
	const scores = row.suggestions.map((s) => s.score)
	assert.deepEqual(scores, [...scores].sort((a, b) => b - a))
})

test('type-ahead: GET /rpc/suggest with the last word unfinished, for a patient, limited', async () => {
	const ask = (args) => get(`/rpc/suggest?code_system=ICD-10-CM&${new URLSearchParams(args)}`)
	const answer = await ask({ display: 'type 2 diabetes mell', context: '{"typing":true,"age":50,"gender":"female"}', limit: 3 })
	assert.equal(answer.status, 200)
	assert.equal(answer.body.length, 3)
	for (const s of answer.body) assert.match(s.code, /^E11/)
	assert.equal((await ask({ display: 'diab', context: '{"typing":1}' })).status, 400)
	assert.equal((await ask({ display: 'diab', context: 'typing' })).status, 400)
	assert.deepEqual((await ask({ display: 'diab', select: 'code', limit: 1 })).body.map(Object.keys), [['code']])
})

test('a visit moves last_visit', async () => {
	const first = await patient()
	await record('/diagnoses', { patient_id: first.id, code: 'I10' })
	const [{ last_visit, version }] = (await get(`/patients?id=eq.${first.id}`)).body
	assert.ok(Date.parse(last_visit) >= Date.parse(first.last_visit))
	assert.notEqual(last_visit, first.last_visit)
	assert.equal(version, first.version)
})

test('PATCH changes a row and increases its version', async () => {
	const row = await patient()
	const answer = await patch(`/patients/?id=eq.${row.id}`, { age: 46 })
	assert.equal(answer.status, 200, answer.text)
	assert.deepEqual([answer.body[0].age, answer.body[0].version], [46, 2])
})

test('PATCH with the current version succeeds, with a stale one it is refused and changes nothing', async () => {
	const row = await patient()
	const mine = await patch(`/patients?id=eq.${row.id}`, { age: 50, version: row.version })
	assert.equal(mine.status, 200, mine.text)
	const stale = await patch(`/patients?id=eq.${row.id}`, { age: 60, version: row.version })
	assert.equal(stale.status, 409, stale.text)
	assert.ok(!stale.text.includes(row.name))
	const [now] = (await get(`/patients?id=eq.${row.id}`)).body
	assert.deepEqual([now.age, now.version], [50, 2])
})

test('of two clients that write the same version concurrently, one is refused', async () => {
	const row = await patient()
	const answers = await Promise.all([51, 52, 53, 54].map((age) => patch(`/patients?id=eq.${row.id}`, { age, version: row.version })))
	assert.deepEqual(answers.map((a) => a.status).sort(), [200, 409, 409, 409])
})

test('changing the code validates again', async () => {
	const { id } = await patient()
	const row = await record('/diagnoses', { patient_id: id, code: 'E11.99' })
	assert.equal(row.status, 'invalid')
	const [fixed] = (await patch(`/diagnoses?id=eq.${row.id}`, { code: 'e11.9', description: null })).body
	assert.deepEqual([fixed.code, fixed.status, fixed.suggestions], ['E11.9', 'valid', []])
})

test('DELETE of a patient with records is refused, without records it succeeds', async () => {
	const row = await patient()
	const diagnosis = await record('/diagnoses', { patient_id: row.id, code: 'I10' })
	const refused = await del(`/patients?id=eq.${row.id}`)
	assert.equal(refused.status, 409, refused.text)
	assert.ok(!refused.text.includes(row.name) && !refused.text.includes(row.patient_id))
	assert.equal((await del(`/diagnoses?id=eq.${diagnosis.id}`)).status, 200)
	const gone = await del(`/patients?id=eq.${row.id}`)
	assert.equal(gone.status, 200, gone.text)
	assert.equal(gone.body[0].id, row.id)
	assert.equal(await count(`/patients?id=eq.${row.id}`), 0)
})

test('PUT and upsert work on the views', async () => {
	const row = await patient()
	const { id, name, gender, patient_id } = row
	const upsert = await post('/patients?on_conflict=patient_id', [person({ patient_id, age: 77 })], { Prefer: 'resolution=merge-duplicates' })
	assert.ok([200, 201].includes(upsert.status), upsert.text)
	assert.deepEqual([upsert.body[0].id, upsert.body[0].age], [id, 77])
	const ignored = await post('/patients?on_conflict=patient_id', { name, age: 1, gender, patient_id }, { Prefer: 'resolution=ignore-duplicates' })
	assert.ok([200, 201].includes(ignored.status), ignored.text)
	assert.deepEqual(ignored.body, [])
})

test('the audit trail has every change of a patient, and cannot be changed', async () => {
	const { id } = await patient()
	await patch(`/patients?id=eq.${id}`, { age: 46 })
	const diagnosis = await record('/diagnoses', { patient_id: id, code: 'I10' })
	await del(`/diagnoses?id=eq.${diagnosis.id}`)
	const events = await get(`/audit_events?patient_id=eq.${id}`)
	assert.equal(events.status, 200, events.text)
	assert.equal(events.body.length, 4)
	for (const answer of [await patch(`/audit_events?patient_id=eq.${id}`, { action: 'X' }), await del(`/audit_events?patient_id=eq.${id}`)]) {
		assert.equal(answer.status, 405, answer.text)
	}
	assert.equal(await count(`/audit_events?patient_id=eq.${id}`), 4)
})

test('the audit trail has the request of a change', async () => {
	const made = await post('/patients/', person(), { 'X-Request-Id': 'forged', 'X-Forwarded-For': '203.0.113.9', 'X-Real-IP': '203.0.113.9', 'X-Reason': 'admission' })
	const [event] = (await get(`/audit_events?patient_id=eq.${made.body.id}`)).body
	assert.equal(event.request_id, made.headers.get('x-request-id'))
	assert.deepEqual([event.action, event.table_name, event.row_id], ['INSERT', 'patient', made.body.id])
	assert.deepEqual([event.method, event.path, event.client_addr, event.reason], ['POST', '/patients', '127.0.0.1', 'admission'])
	assert.equal(event.session_role, 'medrec_authenticator')
})

test('the password hash of an account is not readable', async () => {
	const username = 'user' + newId()
	const made = await post('/accounts?select=id,username', { username, email: 'u@example.org', role: 'clinician' })
	assert.equal(made.status, 201, made.text)
	const all = await get(`/accounts?username=eq.${username}`)
	assert.equal(all.status, 200, all.text)
	assert.ok(!('password' in all.body[0]))
	assert.notEqual((await get('/accounts?select=password')).status, 200)
	await del(`/accounts?username=eq.${username}`)
})
