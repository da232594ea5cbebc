// With care teams on, no endpoint, embed, count, suggestion or error shows a clinician another team's patients.
import { test, before, after } from 'node:test'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { newId } from './api.mjs'
import { sql, account, client, token, plainError } from './access.mjs'

const secret = 'Zebulon Quixote'
const theirs = { patient: randomUUID(), diagnosis: randomUUID(), treatment: randomUUID(), number: newId() }
const none = randomUUID()
let ann, mine

const restart = () => sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'medrec_authenticator' AND pid <> pg_backend_pid()")
// sessions read the setting when they begin: PostgREST's are terminated, and it opens new ones
async function mode(value) {
	sql(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET medrec.care_team_mode = ${value}', current_database()); END $$`)
	restart()
	for (let i = 0; i < 100; i++) {
		if ((await ann.get('/code_systems?limit=1')).status === 200) return
		await new Promise((resolve) => setTimeout(resolve, 100))
	}
}

before(async () => {
	ann = client(await token(account('ct-ann', 'clinician')))
	sql(`INSERT INTO medrec.care_team (id, name) VALUES (901, 'ct-one'), (902, 'ct-two') ON CONFLICT DO NOTHING;
		INSERT INTO medrec.care_team_member SELECT id, 901 FROM medrec.account WHERE username = 'ct-ann';
		INSERT INTO medrec.patient (id, name, age, gender, patient_id) VALUES ('${theirs.patient}', '${secret}', 77, 'male', '${theirs.number}');
		INSERT INTO medrec.diagnosis (id, patient_id, code, description) VALUES ('${theirs.diagnosis}', '${theirs.patient}', 'E11.9', '${secret} d');
		INSERT INTO medrec.treatment (id, patient_id, code, description) VALUES ('${theirs.treatment}', '${theirs.patient}', '99213', '${secret} t');
		INSERT INTO medrec.care_team_patient VALUES ('${theirs.patient}', 902)`)
	await mode('on')
	const made = await ann.post('/patients', { name: 'Mine', age: 5, gender: 'female', patient_id: newId() })
	assert.equal(made.status, 201, made.text)
	mine = made.body
	assert.equal((await ann.post('/diagnoses', { patient_id: mine.id, code: 'I10' })).status, 201)
})
after(() => mode('off'))

test('lists, filters, embeds and counts do not show hidden patients', async () => {
	for (const path of ['/patients', '/diagnoses', '/treatments', '/patients?select=*,diagnoses(*),treatments(*)', '/diagnoses?select=*,patients(*)',
		`/patients?id=eq.${theirs.patient}`, `/patients?patient_id=eq.${theirs.number}`, '/patients?name=like.Zebulon*', '/patients?or=(name.ilike.*quixote*,age.eq.77)',
		`/diagnoses?patient_id=eq.${theirs.patient}`, `/diagnoses?id=eq.${theirs.diagnosis}&select=*,patients!inner(name)`, '/patients?order=name.desc&limit=1000',
		'/patients?select=name,current_age', '/diagnoses?description=fts.zebulon', `/treatments?or=(id.eq.${theirs.treatment},code.eq.99213)`]) {
		const answer = await ann.get(path)
		assert.ok(answer.status < 300, `${path} ${answer.text}`)
		assert.doesNotMatch(answer.text, /Zebulon|Quixote/, path)
		assert.ok(!answer.text.includes(theirs.patient) && !answer.text.includes(theirs.number), path)
	}
	for (const kind of ['exact', 'planned', 'estimated']) {
		const range = (await ann.head('/patients', { Prefer: `count=${kind}` })).headers.get('content-range')
		if (kind === 'exact') assert.equal(range.split('/')[1], '1')
		const one = (await ann.head(`/patients?id=eq.${theirs.patient}`, { Prefer: `count=${kind}` })).headers.get('content-range')
		const nobody = (await ann.head(`/patients?id=eq.${none}`, { Prefer: `count=${kind}` })).headers.get('content-range')
		assert.equal(one, nobody, `count=${kind} of a hidden patient and of none`)
	}
})

test('planner estimates of rows are not returned', async () => {
	const total = async (Prefer) => (await ann.get('/patients', { Prefer })).headers.get('content-range').split('/')[1]
	assert.equal(await total('count=exact'), '1')
	for (const wish of ['count=planned', 'count=estimated', 'Count=Planned', ' count=planned ', 'count=planned,count=planned', 'count=planned, count=estimated, count=planned', 'tx=commit,count=planned', 'count=estimated, tx=commit',
		'handling=lenient , count=planned , return=minimal', ',count=planned,', 'count="planned"', 'count=planned;x=y', 'count=planned, count=exact, count=estimated']) assert.equal(await total(wish), '*', wish)
	// other preferences are honoured
	const headers = (answer) => [answer.status, answer.headers.get('content-range'), answer.text]
	const number = newId()
	const made = await ann.post('/patients', { name: 'Wish', age: 5, gender: 'male', patient_id: number }, { Prefer: 'count=planned, return=minimal' })
	assert.deepEqual([made.status, made.text], [201, ''])
	assert.equal(await total('count=exact, handling=lenient'), '2')
	const again = await ann.post('/patients?on_conflict=patient_id', [{ name: 'Wish', age: 6, gender: 'male', patient_id: number }], { Prefer: 'resolution=merge-duplicates,count=estimated' })
	assert.equal(again.status, 200, again.text)
	assert.equal(again.body[0].age, 6, again.text)
	assert.deepEqual(headers(await ann.get(`/patients?id=eq.${theirs.patient}`, { Prefer: 'count=planned' })), headers(await ann.get(`/patients?id=eq.${none}`, { Prefer: 'count=planned' })))
	sql(`DELETE FROM medrec.patient WHERE patient_id = '${number}'`)
	// plans are not shown either
	for (const options of ['', '+json', '; options=analyze|buffers', '+text; for="application/json"; options=analyze']) {
		const answer = await ann.get(`/patients?name=eq.${encodeURIComponent(secret)}`, { Accept: `application/vnd.pgrst.plan${options}` })
		assert.doesNotMatch(answer.text, /Plan|cost|Scan|Removed/, options)
		assert.ok(answer.status >= 400, `${options} ${answer.status} ${answer.text}`)
	}
})

test('writes and decisions on a hidden record get the answers of an unknown one', async () => {
	const pairs = [
		(id) => ann.patch(`/patients?id=eq.${id.patient}`, { name: 'X' }),
		(id) => ann.patch(`/diagnoses?id=eq.${id.diagnosis}`, { code: 'I10' }),
		(id) => ann.post('/diagnoses', { patient_id: id.patient, code: 'I10' }),
		(id) => ann.post('/treatments', { patient_id: id.patient, code: '99213' }),
		(id) => ann.patch(`/diagnoses?patient_id=eq.${mine.id}`, { patient_id: id.patient }),
		(id) => ann.post('/rpc/confirm', { record: id.diagnosis }),
		(id) => ann.post('/rpc/reject', { record: id.treatment }),
		(id) => ann.post('/rpc/accept_suggestion', { record: id.diagnosis, code: 'I10' }),
		(id) => ann.post('/rpc/add_suggestions', { record: id.diagnosis, suggestions: [] }),
		(id) => ann.post('/rpc/record_visit', { visit: { patient: { id: id.patient }, diagnoses: [{ code: 'I10' }] } }),
		(id) => ann.post('/rpc/record_visit', { visit: { patient: { patient_id: id.number } } }),
	]
	for (const [i, ask] of pairs.entries()) {
		const hidden = await ask(theirs)
		const nobody = await ask({ patient: none, diagnosis: none, treatment: none, number: 'NOBODY' })
		assert.equal(hidden.status, nobody.status, `${i} ${hidden.text} ${nobody.text}`)
		assert.equal(hidden.text, nobody.text, String(i))
		assert.doesNotMatch(hidden.text, /Zebulon/)
	}
})

test('an upsert does not change a hidden patient; it reveals only that a number is taken', async () => {
	const row = { name: 'X', age: 1, gender: 'male', patient_id: theirs.number }
	for (const [query, prefer] of [['?on_conflict=patient_id', 'resolution=merge-duplicates'], ['?on_conflict=id', 'resolution=merge-duplicates']]) {
		const answer = await ann.post('/patients' + query, { ...row, ...(query.endsWith('=id') ? { id: theirs.patient, patient_id: newId() } : {}) }, { Prefer: prefer })
		assert.ok([401, 403, 409].includes(answer.status), answer.text)
		assert.doesNotMatch(answer.text, /Zebulon/)
	}
	const put = await ann.put(`/patients?id=eq.${theirs.patient}`, { id: theirs.patient, ...row, patient_id: newId() })
	assert.ok(put.status >= 400, put.text)
	assert.equal((await ann.post('/patients', row)).status, 409)
	assert.equal(sql(`SELECT name FROM medrec.patient WHERE id = '${theirs.patient}'`), secret)
})

test('looking up a hidden id takes hardly more work than an unknown one, so response times do not tell', () => {
	const pages = (id) => {
		const query = `SELECT * FROM medrec_api.patients WHERE id = '${id}'`
		// not by EXPLAIN ANALYZE, which is refused
		const fetched = "SELECT sum(pg_stat_get_xact_blocks_fetched(c.oid)) AS fetched FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid WHERE 'medrec.patient'::regclass IN (c.oid, i.indrelid)"
		const [rows, blocks] = sql(`SET SESSION AUTHORIZATION medrec_authenticator; SET ROLE medrec_clinician; SELECT set_config('request.jwt.claims', '{"sub":"ct-ann"}', false) \\g /dev/null
			BEGIN; ${query} \\g /dev/null
			${fetched} \\gset
			SELECT count(*) FROM (${query}) AS q;
			SELECT (${fetched}) - :fetched`).split('\n').map(Number)
		assert.equal(rows, id === mine.id ? 1 : 0)
		return blocks
	}
	assert.ok(pages(mine.id) > 0)
	assert.ok(pages(theirs.patient) - pages(none) <= 10, `${pages(theirs.patient)} pages and ${pages(none)}`)
})

test('break_glass opens one patient, and the auditor sees it', async () => {
	plainError(await ann.post('/rpc/break_glass', { patient: theirs.number, reason: 'x' }), 400)
	plainError(await ann.post('/rpc/break_glass', { patient: 'NOBODY', reason: 'a good reason' }), 404)
	plainError(await ann.post('/rpc/break_glass', { patient: theirs.number, reason: '\u200b'.repeat(30) }), 400)
	const gets = []
	for (const number of [theirs.number, 'NOBODY']) gets.push(await ann.get(`/rpc/break_glass?patient=${number}&reason=a%20good%20reason`))
	assert.deepEqual([gets[0].status, gets[0].text], [gets[1].status, gets[1].text], 'a GET tells whether there is such a patient')
	assert.equal(gets[0].status, 405)
	const opened = await ann.post('/rpc/break_glass', { patient: theirs.number, reason: 'unconscious in the emergency room' })
	assert.equal(opened.status, 200, opened.text)
	assert.equal(opened.body.patient, theirs.patient)
	assert.equal((await ann.get(`/patients?id=eq.${theirs.patient}`)).body[0].name, secret)
	assert.equal((await ann.get(`/diagnoses?patient_id=eq.${theirs.patient}`)).body.length, 1)
	const auditor = client(await token(account('ct-auditor', 'auditor')))
	const events = (await auditor.get(`/audit_events?table_name=eq.break_glass&patient_id=eq.${theirs.patient}&select=account,reason,path`)).body
	assert.deepEqual(events, [{ account: 'ct-ann', reason: 'unconscious in the emergency room', path: '/rpc/break_glass' }])
	sql(`UPDATE medrec.break_glass SET expires_at = clock_timestamp()`)
	assert.deepEqual((await ann.get(`/patients?id=eq.${theirs.patient}`)).body, [])
})

test('a user removed from a team no longer sees its patients, at once', async () => {
	assert.equal((await ann.get('/patients')).body.length, 1)
	sql("DELETE FROM medrec.care_team_member WHERE account = (SELECT id FROM medrec.account WHERE username = 'ct-ann')")
	assert.equal((await ann.get('/patients')).body.length, 0)
	assert.equal((await ann.get(`/patients?id=eq.${mine.id}`)).body.length, 0)
	sql("INSERT INTO medrec.care_team_member SELECT id, 901 FROM medrec.account WHERE username = 'ct-ann'")
	assert.equal((await ann.get('/patients')).body.length, 1)
})
