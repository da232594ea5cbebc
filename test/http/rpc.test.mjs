// The functions: validation, suggestions, decisions, visits, releases, health.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { get, post, count, patient, person, record, newId, loadCodes, orderFile, CODES } from './api.mjs'

const NOWHERE = '00000000-0000-4000-8000-000000000000'
const rpc = (name, body) => post(`/rpc/${name}`, body)
const query = (parameters) => new URLSearchParams(parameters).toString()
const row = (answer) => { assert.equal(answer.status, 200, answer.text); return Array.isArray(answer.body) ? answer.body[0] : answer.body }

before(loadCodes)

test('health answers', async () => {
	for (const answer of [await get('/rpc/health'), await get('/rpc/health/'), await rpc('health', {})]) assert.equal(answer.status, 200, answer.text)
	const { body } = await get('/rpc/health')
	assert.match(body.version, /^\d+\.\d+$/, 'the open demo tells its version')
	assert.equal(body.extension, body.version)
	assert.match(body.postgresql, /^\d+/)
})

test('validate_code works by POST and GET, with a system in any spelling', async () => {
	for (const code_system of ['ICD-10-CM', 'icd-10-cm', 'http://hl7.org/fhir/sid/icd-10-cm', 'urn:oid:2.16.840.1.113883.6.90']) {
		const found = row(await rpc('validate_code', { code_system, code: 'e119' }))
		assert.deepEqual([found.result, found.code, found.billable], ['valid', 'E11.9', true])
		assert.equal(found.display, 'Type 2 diabetes mellitus without complications')
	}
	assert.equal(row(await get('/rpc/validate_code/?' + query({ code_system: 'ICD-10-CM', code: 'J45.909' }))).result, 'valid')
})

test('validate_code: header, unknown, malformed, title of another code, before its time', async () => {
	const result = async (over) => row(await rpc('validate_code', { code_system: 'ICD-10-CM', ...over })).result
	assert.equal(await result({ code: 'E11' }), 'review')
	assert.equal(await result({ code: 'E11.99' }), 'invalid')
	assert.equal(await result({ code: '!!!' }), 'invalid')
	assert.equal(await result({ code: 'E11.9', display: 'Essential (primary) hypertension' }), 'review')
	assert.equal((await rpc('validate_code', { code_system: 'ICD-99', code: 'x' })).status, 400)
	assert.equal((await rpc('validate_code', { code_system: 'ICD-10-CM' })).status, 404)
	assert.equal((await rpc('validate_code', { code_system: 'ICD-10-CM', code: 'E11.9', on_date: 'yesterweek' })).status, 400)
})

test('suggest works by POST and GET: ranked, limited, by code and by words', async () => {
	const byCode = await rpc('suggest', { code_system: 'ICD-10-CM', code: 'E11.99' })
	assert.equal(byCode.status, 200, byCode.text)
	assert.ok(byCode.body.length >= 1 && byCode.body.length <= 5)
	const byWords = await get('/rpc/suggest?' + query({ code_system: 'ICD-10-CM', display: 'asthma uncomplicated', max: 1 }))
	assert.deepEqual(byWords.body.map((s) => s.code), ['J45.909'])
	assert.deepEqual(Object.keys(byWords.body[0]).sort(), ['code', 'display', 'reason', 'score', 'source'])
	assert.equal((await rpc('suggest', { code_system: 'ICD-10-CM', code: 'E11.99', max: -1 })).status, 400)
})

test('search_patients finds by name, number and birth date, and refuses bad input without a search', async () => {
	const word = 'Zw' + [...newId()].map((c) => String.fromCharCode(97 + (c.charCodeAt(0) % 26))).join('')
	const { patient_id } = await patient({ name: `Jürgen ${word}`, birth_date: '1931-02-03' })
	const find = async (q, more) => await get('/rpc/search_patients?' + query({ q, ...more }))
	for (const q of [word, `${word.toUpperCase()} jurgen`, word.slice(0, -2), word.slice(2), word.slice(0, 4) + 'x' + word.slice(4), patient_id, `${word} 1931-02-03`]) {
		const answer = await find(q)
		assert.equal(answer.status, 200, answer.text)
		assert.ok(answer.body.some((p) => p.patient_id === patient_id), `${q}: ${answer.text}`)
	}
	const [found] = (await find(patient_id)).body
	assert.deepEqual(Object.keys(found).sort(), ['age', 'birth_date', 'gender', 'id', 'last_visit', 'matched', 'name', 'patient_id'])
	for (const q of ['', '%', '*', '_', "'; --", '\\', `${word} 1931-02-04`]) assert.deepEqual((await find(q)).body, [], q)
	assert.equal((await find(word, { max: 0 })).status, 400)
	assert.equal((await find(word, { max: 101 })).status, 400)
	assert.equal((await get('/rpc/search_patients?name=x')).status, 404)
	assert.equal((await rpc('search_patients', { q: 'x'.repeat(100000) })).status, 200)
})

const invalid = async () => record('/diagnoses', {
	patient_id: (await patient()).id, code: 'E11.99', description: 'Type 2 diabetes mellitus without complications',
})
const stored = async (id) => (await get(`/diagnoses?id=eq.${id}`)).body[0]

test('accept_suggestion stores the suggestion', async () => {
	const { id, suggestions, version } = await invalid()
	row(await rpc('accept_suggestion', { record: id, code: suggestions[0].code }))
	const now = await stored(id)
	assert.deepEqual([now.code, now.description, now.status], [suggestions[0].code, suggestions[0].display, 'corrected'])
	assert.ok(now.validated_by)
	assert.ok(now.version > version)
})

test('accept_suggestion accepts only what was suggested, and only for an existing record', async () => {
	const { id } = await invalid()
	const foreign = await rpc('accept_suggestion', { record: id, code: 'Z99.9' })
	assert.ok([400, 404, 409, 422].includes(foreign.status), foreign.text)
	assert.equal((await stored(id)).code, 'E11.99')
	assert.equal((await rpc('accept_suggestion', { record: NOWHERE, code: 'E11.9' })).status, 404)
	assert.equal((await rpc('accept_suggestion', { record: 'x', code: 'E11.9' })).status, 400)
})

test('confirm and reject keep a person\'s decision', async () => {
	for (const [name, status] of [['confirm', 'confirmed'], ['reject', 'rejected']]) {
		const { id } = await invalid()
		row(await rpc(name, { record: id }))
		assert.deepEqual([(await stored(id)).status, (await stored(id)).code], [status, 'E11.99'])
		assert.equal((await rpc(name, { record: NOWHERE })).status, 404)
	}
})

test('add_suggestions adds those of an outside program, and refuses a wrong shape', async () => {
	const { id } = await invalid()
	row(await rpc('add_suggestions', { record: id, suggestions: [{ code: 'E11.65', display: 'Type 2 diabetes mellitus with hyperglycemia', code_system: 'ICD-10-CM', score: 1, source: 'my-model', reason: 'chart text' }] }))
	const now = await stored(id)
	assert.ok(now.suggestions.some((s) => s.code === 'E11.65' && s.source === 'my-model'), JSON.stringify(now.suggestions))
	for (const suggestions of [{}, 'x', [1], [{ display: 'no code' }], [{ code: 'E11.9', score: 9, source: 'x' }]]) {
		assert.equal((await rpc('add_suggestions', { record: id, suggestions })).status, 400, JSON.stringify(suggestions))
	}
	assert.deepEqual(await stored(id), now)
})

test('record_visit stores a patient with all records, or nothing', async () => {
	const visit = { patient: person(), diagnoses: [{ code: 'e119' }, { code: 'I10' }], treatments: [{ code: '99213' }] }
	const answer = row(await rpc('record_visit', { visit }))
	assert.equal(answer.patient.patient_id, visit.patient.patient_id)
	assert.deepEqual(answer.diagnoses.map((d) => d.code), ['E11.9', 'I10'])
	assert.equal(answer.treatments.length, 1)
	assert.equal(await count(`/diagnoses?patient_id=eq.${answer.patient.id}`), 2)

	const bad = { patient: person(), diagnoses: [{ code: 'I10' }, { code: '' }] }
	const refused = await rpc('record_visit', { visit: bad })
	assert.equal(refused.status, 400, refused.text)
	assert.ok(!refused.text.includes(bad.patient.name))
	assert.equal(await count(`/patients?patient_id=eq.${bad.patient.patient_id}`), 0)
	for (const nonsense of [[], 'x', 1, {}, { patient: 5 }, { patient: person(), diagnoses: 'x' }, { patient: person(), nonsense: 1 }]) {
		assert.equal((await rpc('record_visit', { visit: nonsense })).status, 400, JSON.stringify(nonsense))
	}
})

test('load_release: a release is loaded; the same again changes nothing; bad files are refused', async () => {
	const version = 'test-' + newId()
	// a day that no other run uses: two releases of a system cannot begin on the same
	const effective_from = new Date(Date.UTC(1950, 0, 1 + Math.floor(Math.random() * 20_000))).toISOString().slice(0, 10)
	const body = { code_system: 'ICD-10-PCS', version, effective_from, content: orderFile([
		['001', 0, 'Bypass', 'Central Nervous System and Cranial Nerves, Bypass'],
		['0016070', 1, 'Bypass Cereb Vent to Nasophar with Autol Sub, Open', 'Bypass Cerebral Ventricle to Nasopharynx with Autologous Tissue Substitute, Open Approach'],
	]) }
	const release = row(await rpc('load_release', body))
	assert.deepEqual([release.code_system, release.version, release.rows], ['ICD-10-PCS', version, 2])
	assert.equal(await count('/codes?code_system=eq.ICD-10-PCS&code=eq.0016070'), 1)
	assert.equal(await count(`/code_releases?version=eq.${version}`), 1)
	const again = await rpc('load_release', body)
	assert.ok([200, 409].includes(again.status), again.text)
	assert.equal(await count(`/code_releases?version=eq.${version}`), 1)
	assert.deepEqual(release.warnings, [], 'a new release has no warnings')
	const day = new Date(Date.UTC(1850, 0, 1 + Math.floor(Math.random() * 30_000))).toISOString().slice(0, 10)
	const twin = row(await rpc('load_release', { ...body, version: version + '-twin', effective_from: day }))
	assert.deepEqual(twin.warnings.map((w) => w.code), ['duplicate'], 'the answer warns of the same file under another version')
	const other = await rpc('load_release', { ...body, content: 'code,title\n0016070,Bypass\n' })
	assert.equal(other.status, 400, other.text)
	assert.match(other.text, /another kind of file/, 'a file of another kind does not replace it')
	for (const content of ['', 'this is no order file', orderFile(CODES) + 'broken line\n']) {
		const refused = await rpc('load_release', { ...body, version: version + 'x', content })
		assert.ok([400, 422].includes(refused.status), refused.text)
	}
	assert.equal(await count(`/code_releases?version=eq.${version}x`), 0)
})

const full = `${process.env.MEDREC_DATA}/icd-10-cm/icd10cm_order_2025.txt.gz`
test('load_release: the whole of ICD-10-CM 2025 in one request', { skip: !existsSync(full) && 'MEDREC_DATA has no ICD-10-CM' }, async () => {
	const content = gunzipSync(readFileSync(full)).toString('utf8')
	const release = row(await rpc('load_release', { code_system: 'ICD-10-CM', version: '2025', effective_from: '2024-10-01', content }))
	assert.equal(release.rows, 97584)
	assert.equal(await count('/codes?code_system=eq.ICD-10-CM&code=eq.Z99.89'), 1)
})

test('code systems and codes can be read, and codes not written', async () => {
	const systems = (await get('/code_systems')).body.map((s) => s.name ?? s.code_system)
	for (const name of ['ICD-10-CM', 'ICD-10-PCS', 'SNOMED CT', 'LOINC', 'RxNorm', 'NDC', 'CPT', 'HCPCS', 'CVX', 'ATC']) assert.ok(systems.includes(name), name)
	const code = (await get('/codes?code_system=eq.ICD-10-CM&code=eq.E11.9')).body[0]
	assert.equal(code.display, 'Type 2 diabetes mellitus without complications')
})
