// Lists: that a cut one says so, how all of it is read, filters without an operator, what shape an answer has, and CSV for spreadsheets.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { get, post, call, patient, person, record, newId, orderFile, loadCodes } from './api.mjs'

const MAX = 10000
const SYSTEM = 'ICD-9-CM'
const isError = (answer, status) => {
	assert.equal(answer.status, status, answer.text)
	assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'details', 'hint', 'message'], answer.text)
}

before(async () => {
	await loadCodes()
	// more codes than one answer has
	if ((await get(`/codes?code_system=eq.${SYSTEM}&limit=1`)).body.length > 0) return
	const content = 'code,display\n' + Array.from({ length: MAX + 1500 }, (_, i) => `${String(i % 1000).padStart(3, '0')}.${String(Math.floor(i / 1000)).padStart(2, '0')},Title ${i}\n`).join('')
	const answer = await post('/rpc/load_release', { code_system: SYSTEM, version: 'lists', effective_from: '2013-10-01', content, format: 'csv' })
	assert.equal(answer.status, 200, answer.text)
})

test('a list that ends with the most rows of an answer has status 206, and a whole one 200', async () => {
	const cut = await get(`/codes?code_system=eq.${SYSTEM}`)
	assert.deepEqual([cut.status, cut.body.length, cut.headers.get('content-range')], [206, MAX, `0-${MAX - 1}/*`])
	for (const query of ['&order=code', '&limit=50000', '&order=display.desc&select=code', '&offset=100']) {
		const answer = await get(`/codes?code_system=eq.${SYSTEM}${query}`)
		assert.deepEqual([answer.status, answer.body.length], [206, MAX], query)
	}
	const rest = await get(`/codes?code_system=eq.${SYSTEM}&order=code&offset=${MAX}`)
	assert.deepEqual([rest.status, rest.body.length], [200, 1500])
	assert.equal((await get(`/codes?code_system=eq.${SYSTEM}&order=code`, { Range: `${MAX}-` })).status, 200)
	for (const query of ['&limit=20', '&code=like.001*']) assert.equal((await get(`/codes?code_system=eq.${SYSTEM}${query}`)).status, 200, query)
	assert.equal((await get(`/codes?code_system=eq.${SYSTEM}`, { Range: '0-99' })).status, 200)
	assert.equal((await get('/code_systems')).status, 200)
	const counted = await get(`/codes?code_system=eq.${SYSTEM}&order=code`, { Prefer: 'count=exact' })
	assert.deepEqual([counted.status, counted.headers.get('content-range')], [206, `0-${MAX - 1}/${MAX + 1500}`])
	assert.equal((await call('HEAD', `/codes?code_system=eq.${SYSTEM}`)).status, 206)
	assert.equal((await get(`/codes?code_system=eq.${SYSTEM}`, { Accept: 'text/csv' })).status, 206)
	assert.equal((await get('/patients?select=name,diagnoses(code)&name=eq.nobody')).status, 200)
})

test('pages by key read a list to its end, each row once', async () => {
	const seen = []
	for (let last = ''; ;) {
		const page = (await get(`/codes?code_system=eq.${SYSTEM}&order=code&limit=4000&select=code&code=gt.${last}`)).body
		seen.push(...page.map((r) => r.code))
		if (page.length < 4000) break
		last = page.at(-1).code
	}
	assert.equal(seen.length, MAX + 1500)
	assert.equal(new Set(seen).size, seen.length)
})

test('a filter without an operator is refused, and the answer says how to write it', async () => {
	for (const [query, hint] of [['age=45', 'Write age=eq.45'], ['name=Doe', 'Write name=eq.Doe'], ['limit=1&patient_id=P-1', 'Write patient_id=eq.P-1'], ['age=eq.45&name=eqDoe', 'Write name=eq.eqDoe'], ['name=not.Doe', 'Write name=eq.not.Doe'],
		['name=', 'Write name=eq.'], ['name="x', 'Write name=eq.%22x'], ['gender=equal.male', 'Write gender=eq.equal.male'], ['birth_date=1980-01-01', 'Write birth_date=eq.1980-01-01']]) {
		const answer = await get('/patients?' + query)
		isError(answer, 400)
		assert.deepEqual([answer.body.message, answer.body.hint], ['a filter without an operator', hint], query)
	}
	for (const method of ['PATCH', 'DELETE']) isError(await call(method, '/patients?age=45', method === 'PATCH' ? { age: 1 } : undefined), 400)
	for (const query of ['age=eq.45', 'age=not.eq.45', 'age=gte.45', 'name=ilike.*x*', 'name=like(any).{a,b}', 'name=match.x', 'birth_date=is.null', 'age=in.(1,2)', 'or=(age.eq.1)', 'not.and=(age.eq.1)', 'select=id', 'order=age', 'limit=1',
		'offset=0', 'name=fts.x', 'name=fts(english).x', 'name=eq%2Ex', 'select=id,diagnoses(code)&diagnoses.code=eq.I10', 'select=id,diagnoses(code)&diagnoses.limit=1', 'birth_date=isdistinct.2000-01-01'])
		assert.ok((await get(`/patients?limit=1&${query}`)).status < 300, `${query} ${(await get(`/patients?limit=1&${query}`)).text}`)
	// arguments of a function are none
	assert.equal((await get('/rpc/suggest?code_system=ICD-10-CM&display=asthma')).status, 200)
})

test('one object is answered with one, unless the client names a return of its own', async () => {
	for (const [body, headers, list] of [[person(), {}, false], [person(), { Prefer: 'count=exact' }, false], [person(), { Prefer: 'return=representation' }, true], [person(), { Prefer: 'missing=default, return=representation' }, true],
		[person(), { Prefer: 'return=representation', Accept: 'application/vnd.pgrst.object+json' }, false], [[person()], {}, true]]) {
		const answer = await post('/patients', body, headers)
		assert.equal(answer.status, 201, answer.text)
		assert.equal(Array.isArray(answer.body), list, JSON.stringify(headers))
	}
})

const DANGEROUS = ['=1+1', '+1', '-1', '@SUM(A1)', '=HYPERLINK("http://x","y")', '＝1', '=a,"b"\\']

test('no cell of CSV is a formula, with select and without, and JSON is as stored', async () => {
	const { id } = await patient({ name: '=cmd|/C calc' })
	for (const description of DANGEROUS) await record('/diagnoses', { patient_id: id, code: 'I10', description })
	const csv = await get(`/diagnoses?patient_id=eq.${id}&select=description&order=created_at`, { Accept: 'text/csv' })
	assert.match(csv.headers.get('content-type'), /^text\/csv/)
	assert.equal(csv.text, ['description', "'=1+1", "'+1", "'-1", `"'@SUM(A1)"`, `"'=HYPERLINK(""http://x"",""y"")"`, "'＝1", `"'=a,""b""\\"`].join('\n'))
	for (const query of [`/patients?id=eq.${id}`, `/patients?id=eq.${id}&select=name`, `/patients?id=eq.${id}&select=a:name,age`, `/diagnoses?patient_id=eq.${id}&select=...patients(name)&limit=1`]) {
		const answer = await get(query, { Accept: 'text/csv' })
		assert.equal(answer.status, 200, answer.text)
		assert.match(answer.text, /(^|[\n,])"?'=cmd\|\/C calc/, query)
		assert.doesNotMatch(answer.text, /(^|[\n,])"?[=+@-]/)
	}
	assert.equal((await get(`/patients/${id}`)).body.name, '=cmd|/C calc')
	const made = await post('/patients', person({ name: '@x' }), { Accept: 'text/csv' })
	assert.match(made.text, /,'@x,/)
	const found = await get('/rpc/search_patients?q=' + encodeURIComponent('=cmd|/C calc'), { Accept: 'text/csv' })
	assert.match(found.text, /"'=cmd/)
	const lines = `name,age,gender,patient_id\n=1,-0,other,${newId()}\n`
	assert.equal((await post('/patients', lines, { 'Content-Type': 'text/csv' })).body[0].name, '=1', 'what is sent as CSV is stored as it is')
})

test('CSV is what it was for other values: numbers, nulls, times, empty and quoted text, JSON', async () => {
	const row = await patient({ name: 'A "B", C', birth_date: null })
	const [head, line] = (await get(`/patients?id=eq.${row.id}&select=name,age,birth_date,version`, { Accept: 'text/csv' })).text.split('\n')
	assert.deepEqual([head, line], ['name,age,birth_date,version', '"A ""B"", C",45,,1'])
	const diagnosis = await record('/diagnoses', { patient_id: row.id, code: 'E11.99' })
	const csv = (await get(`/diagnoses?id=eq.${diagnosis.id}&select=issues`, { Accept: 'text/csv' })).text
	assert.deepEqual(JSON.parse(csv.split('\n')[1].slice(1, -1).replaceAll('""', '"')), diagnosis.issues)
	assert.equal((await get('/patients?name=eq.nobody&select=name', { Accept: 'text/csv' })).text.trim(), '')
})
