// Errors that a form can use: every fault with its field and row, and a trial that stores nothing.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { call, get, post, patch, del, count, patient, record, person, newId, loadCodes } from './api.mjs'

before(loadCodes)

const short = (answer) => answer.body.details.map((f) => [f.row, f.field, f.code].filter((v) => v !== undefined))

// status, code and faults as [row, field, code]
function refused(answer, status, code, faults) {
	assert.equal(answer.status, status, answer.text)
	assert.ok(Array.isArray(answer.body.details), answer.text)
	assert.equal(answer.body.code, code, answer.text)
	assert.deepEqual(short(answer), faults, answer.text)
	for (const f of answer.body.details) assert.ok(f.text, answer.text)
	assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'details', 'hint', 'message'])
}

test('a value of a wrong type, too long or missing is reported with its field, all at once', async () => {
	refused(await post('/patients', person({ age: 'abc', name: '', gender: 'x', birth_date: '1980-02-30' })), 400, '22023',
		[['age', 'value'], ['birth_date', 'value'], ['name', 'required'], ['gender', 'value']])
	refused(await post('/patients', person({ patient_id: 'x'.repeat(21) })), 400, '22023', [['patient_id', 'too-long']])
	refused(await post('/patients', person({ age: 3e9 })), 400, '22023', [['age', 'value']])
	refused(await post('/patients', { name: 'A' }), 400, '22023', [['patient_id', 'required'], ['age', 'required'], ['gender', 'required']])
	refused(await post('/diagnoses', { patient_id: 'no uuid', code: 'x'.repeat(21) }), 400, '22023', [['patient_id', 'value'], ['code', 'too-long']])
})

test('an unknown column is a fault with its name, beside the others', async () => {
	refused(await post('/patients', person({ nmae: 1, age: -1 })), 400, '22023', [['nmae', 'structure'], ['age', 'value']])
	const odd = await post('/patients', { ...person(), 'Jane Roe, born 1980': 1 })
	refused(odd, 400, '22023', [[null, 'structure']])
	assert.doesNotMatch(odd.text, /Roe/)
})

test('a duplicate and an unknown patient are faults with their field, and 409', async () => {
	const { patient_id } = await patient()
	refused(await post('/patients', person({ patient_id })), 409, '23505', [['patient_id', 'duplicate']])
	refused(await post('/diagnoses', { patient_id: '00000000-0000-4000-8000-0000000000ff', code: 'I10' }), 409, '23503', [['patient_id', 'not-found']])
})

test('no fault repeats what was sent', async () => {
	const secret = 'Zyx' + newId()
	for (const row of [person({ age: secret }), person({ gender: secret, birth_date: secret }), person({ patient_id: secret + secret })]) {
		const answer = await post('/patients', row)
		assert.equal(answer.status, 400)
		assert.ok(!answer.text.includes(secret), answer.text)
	}
})

test('of a bulk every bad row is named, and none is stored', async () => {
	const rows = Array.from({ length: 50 }, () => person({ name: 'bulk of faults' }))
	rows[7].age = 'x'
	rows[20].name = ''
	rows[20].gender = 'x'
	rows[33].patient_id = rows[2].patient_id
	refused(await post('/patients', rows), 400, '22023', [[7, 'age', 'value'], [20, 'name', 'required'], [20, 'gender', 'value'], [33, 'patient_id', 'duplicate']])
	assert.equal(await count('/patients?name=eq.bulk%20of%20faults'), 0)
})

test('more than a hundred faults are cut at a hundred', async () => {
	const answer = await post('/patients', Array.from({ length: 300 }, () => person({ age: -1 })))
	assert.equal(answer.body.details.length, 100)
	assert.match(answer.body.message, /and 90 more$/)
})

test('rows with different keys, and elements that are no objects, are named', async () => {
	const { gender, ...less } = person()
	refused(await post('/patients', [person(), less, 3]), 400, '22023', [[1, 'gender', 'structure'], [2, null, 'structure']])
})

test('a bad row behind thousands of good ones is found', async () => {
	const rows = Array.from({ length: 3000 }, () => person({ name: 'far behind' }))
	rows[2900].age = 'x'
	refused(await post('/patients', rows), 400, '22023', [[2900, 'age', 'value']])
})

test('CSV gets its faults by line and column', async () => {
	const { patient_id } = await patient()
	const csv = `name,age,gender,patient_id\r\n"A, ""B""",3,male,${newId()}\r\nC,x,male,${newId()}\r\nD,4,male,${patient_id}\r\n`
	refused(await post('/patients', csv, { 'Content-Type': 'text/csv' }), 400, '22023', [[1, 'age', 'value'], [2, 'patient_id', 'duplicate']])
})

test('a PATCH gets its faults with their fields', async () => {
	const one = await patient()
	const other = await patient()
	refused(await patch(`/patients?id=eq.${one.id}`, { age: 'x', name: ' ' }), 400, '22023', [['age', 'value'], ['name', 'required']])
	refused(await patch(`/patients?patient_id=in.(${one.patient_id})`, { patient_id: other.patient_id }), 409, '23505', [['patient_id', 'duplicate']])
	refused(await patch(`/patients?id=eq.${one.id}`, { nmae: 'x' }), 400, '22023', [['nmae', 'structure']])
	// a filter that the checking function does not read: types and lengths all the same
	refused(await patch(`/patients?or=(id.eq.${one.id},id.eq.${other.id})`, { age: 'x' }), 400, '22023', [['age', 'value']])
	assert.deepEqual((await get(`/patients?id=eq.${one.id}`)).body, [one])
})

test('an upsert is no duplicate, and its faults are named', async () => {
	const one = await patient()
	const merge = { Prefer: 'resolution=merge-duplicates' }
	refused(await post('/patients?on_conflict=patient_id', [person({ patient_id: one.patient_id, age: 50 }), person({ age: -1 })], merge),
		400, '22023', [[1, 'age', 'value']])
	const put = await call('PUT', `/patients?id=eq.${one.id}`, { ...one, age: -1 })
	refused(put, 400, '22023', [['age', 'value']])
})

test('columns= and missing=default hold for the check, too', async () => {
	const row = person({ nmae: 1, age: -1 })
	refused(await post('/patients?columns=name,age,gender,patient_id', row), 400, '22023', [['age', 'value']])
	refused(await post('/patients?columns=id,name,age,gender,patient_id,version', [person({ age: -1 }), person()], { Prefer: 'missing=default' }),
		400, '22023', [[0, 'age', 'value']])
})

test('an error about something else than the rows stays what it was', async () => {
	const one = await patient()
	const stale = await patch(`/patients?id=eq.${one.id}`, { version: 7, name: 'x' })
	assert.deepEqual([stale.status, stale.body.code], [409, 'PT409'])
	const broken = await post('/patients', '{"name":')
	assert.deepEqual([broken.status, broken.body.code, broken.body.details], [400, 'PGRST102', null])
	const filter = await patch('/patients?nothing=eq.1', { name: 'x' })
	assert.deepEqual([filter.status, filter.body.code], [400, '42703'])
})

test('the checking function is no address, and what a client sends to it is not believed', async () => {
	for (const path of ['/rpc/explain', '/rpc/explain/']) assert.equal((await post(path, '{}', { 'X-Rows': 'patients' })).status, 404)
	const answer = await post('/patients', person({ age: 'x' }), { 'X-Rows': 'accounts', 'X-Method': 'PATCH', 'X-Arguments': 'id=eq.1', 'X-Type': 'text/csv' })
	refused(answer, 400, '22023', [['age', 'value']])
})

test('a trial answers what would be stored, and stores nothing', async () => {
	const { id } = await patient()
	const before = await count('/diagnoses')
	const answer = await post('/rpc/check_diagnoses', { rows: [{ patient_id: id, code: 'e119' }, { patient_id: id, code: 'E11' }, { patient_id: id, code: 'Z99999' }] })
	assert.equal(answer.status, 200, answer.text)
	assert.equal(answer.body.valid, true)
	assert.deepEqual(answer.body.rows.map((r) => [r.code, r.status]), [['E11.9', 'valid'], ['E11', 'review'], ['Z99.999', 'invalid']])
	assert.ok(answer.body.rows.every((r) => !('id' in r) && Array.isArray(r.suggestions) && Array.isArray(r.issues)))
	assert.equal(await count('/diagnoses'), before)
	const row = await record('/diagnoses', { patient_id: id, code: 'e119' })
	const { id: _, created_at: a, updated_at: b, validation_date: c, ...stored } = row
	const { created_at: d, updated_at: e, validation_date: f, ...tried } = answer.body.rows[0]
	assert.deepEqual(tried, stored)
})

test('a trial names faults like the request itself', async () => {
	const { patient_id } = await patient()
	const rows = [person(), person({ patient_id }), person({ age: 'x', name: '' })]
	const answer = await post('/rpc/check_patients', { rows })
	assert.equal(answer.body.valid, false)
	assert.deepEqual(answer.body.faults, (await post('/patients', rows)).body.details)
	assert.deepEqual(answer.body.rows.map((r) => r === null), [false, true, true])
	assert.equal((await post('/rpc/check_treatments', { rows: [{ code: '99213' }] })).body.faults[0].field, 'patient_id')
	assert.equal((await post('/rpc/check_accounts', { rows: { username: '' } })).body.faults[0].field, 'username')
	assert.equal((await post('/rpc/check_patients', { rows: 3 })).status, 400)
	assert.equal((await post('/rpc/check_patients', { rows: Array(10001).fill({}) })).status, 400)
	assert.equal((await get('/rpc/check_patients?rows=[]')).status, 405)
})

test('a visit gets the faults of all its parts, with their places', async () => {
	const { patient_id } = await patient()
	const diagnoses = [{ code: 'I10' }, { code: '' }]
	const visit = (over) => post('/rpc/record_visit', { visit: { patient: person(over), diagnoses, treatments: [{ code: '1', code_system: 'none' }] } })
	const rest = [['diagnoses[1].code', 'required'], ['treatments[0].code_system', 'not-found']]
	refused(await visit({ name: '' }), 400, '22023', [['patient.name', 'required'], ...rest])
	refused(await visit({ patient_id }), 409, '23505', [['patient.patient_id', 'duplicate'], ...rest])
	refused(await visit({ age: 'x' }), 400, '22023', [['patient.age', 'value']])
	refused(await visit({}), 400, '22023', rest)
	refused(await post('/rpc/record_visit', { visit: { patient: { patient_id }, diagnoses: [{ code: 'I10' }, { kode: 1 }] } }), 400, '22023', [['diagnoses[1]', 'structure']])
	assert.equal(await count(`/diagnoses?select=id,patients!inner(patient_id)&patients.patient_id=eq.${patient_id}`), 0)
})
