// Bad input: each gets one clear error with the right status, stores nothing, and the answer has no patient data.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { get, post, patch, count, patient, person, record, faults, newId, loadCodes } from './api.mjs'

const NAME = 'Zebulon Hiddenname'
const NOWHERE = '00000000-0000-4000-8000-000000000000'

before(loadCodes)

// The error has PostgREST's shape, a message, and nothing of the patient.
function isClear(answer, statuses, hidden = []) {
	assert.ok([statuses].flat().includes(answer.status), `${answer.status} ${answer.text.slice(0, 500)}`)
	assert.ok(!Array.isArray(answer.body))
	assert.ok(answer.body.message?.length > 5, answer.text)
	for (const word of [NAME, 'Zebulon', 'Failing row', ...hidden]) assert.ok(!answer.text.includes(word), answer.text.slice(0, 500))
}

// A patient that must not be stored: alone, and among good ones.
async function refused(row, statuses, hidden) {
	const id = row.patient_id
	isClear(await post('/patients/', row), statuses, hidden)
	const good = person()
	isClear(await post('/patients', [good, row]), statuses, hidden)
	assert.equal(await count(`/patients?patient_id=eq.${good.patient_id}`), 0)
	if (typeof id === 'string' && id !== '') assert.equal(await count(`/patients?patient_id=eq.${encodeURIComponent(id)}`), 0)
}

const bad = (over) => person({ name: NAME, ...over })

test('an empty name is refused', () => refused(bad({ name: '' }), 400))
test('a name of blanks is refused', () => refused(bad({ name: '   ' }), 400))
test('a name of 256 characters is refused', () => refused(bad({ name: NAME + 'n'.repeat(256 - NAME.length) }), 400))
test('a missing name is refused', () => refused({ age: 1, gender: 'male', patient_id: newId() }, 400))
test('age -1 is refused', () => refused(bad({ age: -1 }), 400))
test('age 200 is refused', () => refused(bad({ age: 200 }), 400))
test('age 3.7 is refused', () => refused(bad({ age: 3.7 }), 400))
test('age "abc" is refused', () => refused(bad({ age: 'abc' }), 400))
test('age 99999999999 is refused', () => refused(bad({ age: 99999999999 }), 400))
test('a missing age is refused', () => refused({ name: NAME, gender: 'male', patient_id: newId() }, 400))
test('an unknown gender is refused', () => refused(bad({ gender: 'robot' }), 400))
test('a patient_id of 21 characters is refused', () => refused(bad({ patient_id: 'Q'.repeat(21) }), 400, ['QQQQ']))
test('an empty patient_id is refused', () => refused(bad({ patient_id: '' }), 400))
test('a birth date in the future is refused', () => refused(bad({ birth_date: '2999-01-01' }), 400, ['2999']))
test('control characters in a name are refused', () => refused(bad({ name: NAME + '\u0007\u001b[31m' }), 400))
test('NUL in a name is refused', () => refused(bad({ name: NAME + '\u0000' }), 400))
test('an unknown key is refused', () => refused(bad({ agee: 3 }), 400))
test('an object in place of text is refused', async () => {
	const row = bad({ name: { first: NAME } })
	const answer = await post('/patients', row)
	assert.ok([201, 400].includes(answer.status), answer.text)
	if (answer.status === 201) assert.equal(typeof answer.body.name, 'string')
})

test('a duplicate patient_id is refused', async () => {
	const first = await patient({ name: NAME })
	isClear(await post('/patients', bad({ patient_id: first.patient_id })), 409, [first.patient_id])
	assert.equal(await count(`/patients?patient_id=eq.${first.patient_id}`), 1)
	const other = await patient()
	isClear(await patch(`/patients?id=eq.${other.id}`, { patient_id: first.patient_id }), 409, [first.patient_id])
})

test('every fault of a row is listed', async () => {
	const answer = await post('/patients', bad({ age: 200, gender: 'robot', patient_id: '' }))
	isClear(answer, 400)
	const fields = faults(answer).map((fault) => fault.field)
	for (const field of ['age', 'gender', 'patient_id']) assert.ok(fields.includes(field), answer.text)
	assert.ok(!fields.includes('name'))
	for (const fault of faults(answer)) assert.ok(fault.field && fault.text && fault.code, answer.text)
})

test('a change follows the same rules', async () => {
	const row = await patient({ name: NAME })
	isClear(await patch(`/patients?id=eq.${row.id}`, { age: -5, gender: 'x' }), 400)
	const [now] = (await get(`/patients?id=eq.${row.id}`)).body
	assert.deepEqual([now.age, now.gender, now.version], [45, 'male', 1])
})

for (const path of ['/diagnoses', '/treatments']) {
	const none = async (id, body, statuses, hidden) => {
		const before = await count(`${path}?patient_id=eq.${id}`)
		isClear(await post(path + '/', body), statuses, hidden)
		assert.equal(await count(`${path}?patient_id=eq.${id}`), before)
	}
	test(`${path}: an unknown patient is refused`, () => none(NOWHERE, { patient_id: NOWHERE, code: 'I10' }, [404, 409, 422]))
	test(`${path}: a missing patient is refused`, () => none(NOWHERE, { code: 'I10' }, 400))
	test(`${path}: a patient that is not a UUID is refused`, () => none(NOWHERE, { patient_id: 'P1234', code: 'I10' }, 400))
	test(`${path}: an unknown code system is refused`, async () => {
		const { id } = await patient({ name: NAME })
		await none(id, { patient_id: id, code: 'I10', code_system: 'ICD-99' }, [400, 422])
	})
	test(`${path}: an empty, missing or blank code is refused`, async () => {
		const { id } = await patient({ name: NAME })
		for (const code of ['', '   ', null]) await none(id, { patient_id: id, code }, 400)
		await none(id, { patient_id: id }, 400)
	})
	test(`${path}: a code of 10,000 characters is refused`, async () => {
		const { id } = await patient({ name: NAME })
		await none(id, { patient_id: id, code: 'A'.repeat(10_000) }, [400, 413, 422], ['AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'])
	})
	test(`${path}: NUL and control characters in a code are refused`, async () => {
		const { id } = await patient({ name: NAME })
		for (const code of ['E11\u0000', 'E11\u0001', 'E1\n1', 'E11\u007f']) {
			const answer = await post(path, { patient_id: id, code })
			// A malformed code is an issue of the record, but a byte that text cannot contain is not stored.
			if (answer.status === 201) assert.doesNotMatch(answer.body.code, /[\u0000-\u001f\u007f]/)
			else isClear(answer, 400)
		}
	})
	test(`${path}: suggestions of a wrong shape are refused`, async () => {
		const { id } = await patient({ name: NAME })
		for (const suggestions of ['x', 1, {}, [1], [{}], [{ code: 5 }], [{ code: 'I10', score: 7 }], [{ code: 'I10', score: 'high' }]]) {
			await none(id, { patient_id: id, code: 'E11.99', suggestions }, 400)
		}
	})
	test(`${path}: columns that medrec sets cannot be forged`, async () => {
		const { id } = await patient({ name: NAME })
		const answer = await post(path, { patient_id: id, code: 'E11.99', code_system: 'ICD-10-CM', status: 'valid', validated_by: 'me', issues: [], version: 99 })
		if (answer.status === 201) {
			assert.equal(answer.body.status, 'invalid')
			assert.notEqual(answer.body.validated_by, 'me')
			assert.equal(answer.body.version, 1)
		} else isClear(answer, [400, 403])
	})
	test(`${path}: an unknown key is refused`, () => none(NOWHERE, { patient_id: NOWHERE, code: 'I10', Code: 'x' }, 400))
}

test('invalid UTF-8 is refused', async () => {
	const id = newId()
	for (const query of ['', '?columns=name,age,gender,patient_id']) {
		const body = Buffer.concat([Buffer.from(`{"age":1,"gender":"male","patient_id":"${id}","name":"`), Buffer.from([0xff, 0xfe, 0xc3, 0x28]), Buffer.from('"}')])
		isClear(await post('/patients' + query, body), 400)
	}
	assert.equal(await count(`/patients?patient_id=eq.${id}`), 0)
})

test('invalid JSON is refused', async () => {
	for (const body of ['', '{', '{"name":', '{"name":"a"} {"name":"b"}', '[{"name":"a"},]', '\ufeff{}']) {
		isClear(await post('/patients', body), 400)
	}
	// To PostgREST, JSON that is neither object nor array has no rows.
	const before = await count('/patients')
	for (const body of ['null', '"text"', '5']) {
		const answer = await post('/patients', body)
		if (answer.status === 201) assert.deepEqual(answer.body, [])
		else isClear(answer, 400)
	}
	assert.equal(await count('/patients'), before)
})

test('rows with different keys are refused', async () => {
	const answer = await post('/patients', [person(), { name: NAME }])
	isClear(answer, 400)
})

test('CSV with a wrong number of columns, or an unknown one, is refused', async () => {
	for (const csv of ['name,age\nx\n', 'name,agee\nx,1\n']) isClear(await post('/patients', csv, { 'Content-Type': 'text/csv' }), 400)
})

test('an unsupported content type is refused', async () => {
	const answer = await post('/patients', '<xml/>', { 'Content-Type': 'application/xml' })
	assert.ok([400, 415].includes(answer.status), answer.text)
})

test('unknown paths, columns and filters are refused', async () => {
	assert.equal((await get('/nothing')).status, 404)
	assert.equal((await get('/rpc/nothing')).status, 404)
	assert.equal((await get('/patients?select=nothing')).status, 400)
	assert.equal((await get('/patients?age=like')).status, 400)
	assert.equal((await get('/patients?age=eq.abc')).status, 400)
	assert.equal((await get('/patients?id=eq.P1234')).status, 400)
	assert.equal((await get('/patients?select=*,nothing(*)')).status, 400)
})

test('SQL in every text field is stored as text', async () => {
	const text = `'; DROP TABLE medrec.patient; --"$$\\`
	const row = await patient({ name: text })
	assert.equal(row.name, text)
	const found = await get(`/patients?name=eq.${encodeURIComponent(text)}&id=eq.${row.id}`)
	assert.equal(found.body.length, 1)
	const diagnosis = await record('/diagnoses', { patient_id: row.id, code: 'I10', description: text })
	assert.equal(diagnosis.description, text)
	assert.ok(await count('/patients') > 0)
})
