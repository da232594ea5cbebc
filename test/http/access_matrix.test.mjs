// Every cell of doc/security.md's table over HTTP: "yes" succeeds, "no" gets 401 without a token, else 403, or 405 where nobody may.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { call, newId, orderFile } from './api.mjs'
import { sql, account, clients, client, token, bearer, plainError, PASSWORD, ROLES } from './access.mjs'

const page = readFileSync(new URL('../../doc/security.md', import.meta.url), 'utf8')
const lines = page.match(/<!-- matrix -->([^]*)<!-- \/matrix -->/)[1].split('\n').filter((l) => l.startsWith('| ')).map((l) => l.slice(2, -2).split(' | '))
const columns = lines.shift().slice(2)
for (let i = lines.length - 1; i >= 0; i--) if (/^medrec(_api)?\./.test(lines[i][0])) lines.splice(i, 1)

const who = {}
let patient, other

before(async () => {
	Object.assign(who, await clients('mx'))
	who.anon = { get: (p, h) => call('GET', p, undefined, h), post: (p, b, h) => call('POST', p, b, h), patch: (p, b, h) => call('PATCH', p, b, h), del: (p, h) => call('DELETE', p, undefined, h) }
	patient = sql(`INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('M', 1, 'male', '${newId()}') RETURNING id`)
	other = sql(`INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('N', 1, 'male', '${newId()}') RETURNING id`)
	assert.equal((await who.admin.post('/rpc/load_release', { code_system: 'ICD-9-CM', version: '2014', effective_from: '2013-10-01', format: 'cms-order', content: 'x' })).status, 400)
})

// a row of its own for each attempt, created in the database
const record = (table) => sql(`INSERT INTO medrec.${table} (patient_id, code, suggestions) VALUES ('${patient}', '${table === 'diagnosis' ? 'I10' : '99213'}', '[{"code":"${table === 'diagnosis' ? 'E11.9' : '99214'}"}]') RETURNING id`)
const lonely = () => sql(`INSERT INTO medrec.patient (name, age, gender, patient_id) VALUES ('L', 1, 'male', '${newId()}') RETURNING id`)
const spare = () => { const name = 'mx-' + newId(); account(name, 'coder'); return name }
let team = 1000

const tries = {
	'patients read': (c) => c.get('/patients?limit=1'),
	'patients create': (c) => c.post('/patients', { name: 'X', age: 1, gender: 'male', patient_id: newId() }),
	'patients change': (c) => c.patch(`/patients?id=eq.${patient}`, { name: 'Changed' }),
	'patients delete': (c) => c.del(`/patients?id=eq.${lonely()}`),
	'rpc/search_patients call': (c) => c.get('/rpc/search_patients?q=smith'),
	'rpc/record_visit call': (c) => c.post('/rpc/record_visit', { visit: { patient: { id: patient }, diagnoses: [{ code: 'I10' }] } }),
	'rpc/confirm call': (c) => c.post('/rpc/confirm', { record: record('diagnosis') }),
	'rpc/reject call': (c) => c.post('/rpc/reject', { record: record('treatment') }),
	'rpc/accept_suggestion call': (c) => c.post('/rpc/accept_suggestion', { record: record('diagnosis'), code: 'E11.9' }),
	'rpc/add_suggestions call': (c) => c.post('/rpc/add_suggestions', { record: record('diagnosis'), suggestions: [{ code: 'I11.9' }] }),
	'rpc/break_glass call': (c) => c.post('/rpc/break_glass', { patient, reason: 'a good reason' }),
	'codes read': (c) => c.get('/codes?limit=1'),
	'codes delete': (c) => c.del('/codes?code=eq.NONE'),
	'code_systems read': (c) => c.get('/code_systems?limit=1'),
	'code_releases read': (c) => c.get('/code_releases?limit=1'),
	'code_releases change': (c) => c.patch('/code_releases?id=eq.0', { version: 'x' }),
	'rpc/validate_code call': (c) => c.post('/rpc/validate_code', { code_system: 'ICD-10-CM', code: 'I10' }),
	'rpc/suggest call': (c) => c.post('/rpc/suggest', { code_system: 'ICD-10-CM', code: 'I1O' }),
	'rpc/load_release call': (c) => c.post('/rpc/load_release', { code_system: 'ICD-10-CM', version: 'mx', effective_from: '2019-10-01', content: orderFile([['I10', 1, 'Hypertension', 'Essential (primary) hypertension'], ['E119', 1, 'Diabetes', 'Type 2 diabetes mellitus without complications']]) }),
	'accounts read': (c) => c.get('/accounts?limit=1'),
	'accounts create': (c) => c.post('/accounts', { username: 'mx-' + newId(), role: 'coder', email: '' }),
	'accounts change': (c) => c.patch(`/accounts?username=eq.${spare()}`, { is_active: false }),
	'accounts delete': (c) => c.del(`/accounts?username=eq.${spare()}`),
	'care_teams read': (c) => c.get('/care_teams'),
	'care_teams create': (c) => c.post('/care_teams', { name: 'mx-' + newId() }),
	'care_team_members read': (c) => c.get('/care_team_members'),
	'care_team_members create': (c) => c.post('/care_team_members', { account: Number(sql(`SELECT id FROM medrec.account WHERE username = '${spare()}'`)), team: newTeam() }),
	'care_team_patients read': (c) => c.get('/care_team_patients'),
	'care_team_patients create': (c) => c.post('/care_team_patients', { patient, team: newTeam() }),
	'archived_audit_events read': (c) => c.get('/archived_audit_events?limit=1&select=account,action'),
	'rpc/audit_status call': (c) => c.post('/rpc/audit_status', {}),
	'audit_events read': (c) => c.get('/audit_events?limit=1&select=account,action'),
	'audit_events create': (c) => c.post('/audit_events', { action: 'INSERT' }),
	'audit_events change': (c) => c.patch('/audit_events?action=eq.NONE', { action: 'x' }),
	'audit_events delete': (c) => c.del('/audit_events?action=eq.NONE'),
	'rpc/login call': async (c) => { const a = await c.post('/rpc/login', { username: 'mx-coder', password: PASSWORD }); return a },
	'rpc/history call': (c) => c.post('/rpc/history', { table_name: 'patient', row_id: patient }),
	'rpc/as_of call': (c) => c.post('/rpc/as_of', { table_name: 'patient', row_id: patient, at: new Date().toISOString() }),
	'rpc/audit_fhir call': (c) => c.post('/rpc/audit_fhir', {}),
	'rpc/verify_access call': (c) => c.get('/rpc/verify_access'),
	'rpc/verify_release call': (c) => c.get('/rpc/verify_release'),
	// if nothing has been sealed it answers 404, to callers with the right
	'rpc/audit_checkpoint call': async (c) => { const a = await c.post('/rpc/audit_checkpoint', {}); return a.status === 404 ? { ...a, status: 200 } : a },
	'rpc/check_patients call': (c) => c.post('/rpc/check_patients', { rows: [{ name: 'A' }] }),
	'rpc/check_diagnoses call': (c) => c.post('/rpc/check_diagnoses', { rows: [] }),
	'rpc/check_treatments call': (c) => c.post('/rpc/check_treatments', { rows: [] }),
	'rpc/check_accounts call': (c) => c.post('/rpc/check_accounts', { rows: [] }),
	'rpc/patient_history call': (c) => c.get(`/rpc/patient_history?patient=${patient}`),
	'rpc/status_counts call': (c) => c.get('/rpc/status_counts'),
	'rpc/lookup call': (c) => c.get('/rpc/lookup?code_system=ICD-10-CM&code=I10'),
	'rpc/ancestors call': (c) => c.get('/rpc/ancestors?code_system=ICD-10-CM&code=I10'),
	'rpc/descendants call': (c) => c.get('/rpc/descendants?code_system=ICD-10-CM&code=I10'),
	'rpc/subsumes call': (c) => c.get('/rpc/subsumes?code_system=ICD-10-CM&a=I10&b=I10'),
	'rpc/unload_release call': (c) => c.post('/rpc/unload_release', { code_system: 'ICD-10-CM', version: 'none' }),
	'rpc/revalidate_batch call': (c) => c.post('/rpc/revalidate_batch', { code_system: 'ICD-10-PCS' }),
	'rpc/verify_audit call': (c) => c.post('/rpc/verify_audit', { first_seal: 1, last_seal: 1 }),
	// if the event is not sealed it answers otherwise, to callers with the right
	'rpc/audit_proof call': async (c) => { const a = await c.post('/rpc/audit_proof', { era: 1, xid: 1, n: 1 }); return a.status === 404 ? { ...a, status: 200 } : a },
	'rpc/table_sizes call': (c) => c.get('/rpc/table_sizes'),
	'rpc/whoami call': (c) => c.get('/rpc/whoami'),
	'rpc/openapi call': (c) => c.get('/openapi.json'),
	'rpc/health call': (c) => c.get('/rpc/health'),
	'rpc/set_password call': (c) => c.post('/rpc/set_password', { username: spare(), password: PASSWORD }),
	'rpc/revoke_tokens call': (c) => c.post('/rpc/revoke_tokens', { username: spare() }),
}
for (const [view, table] of [['diagnoses', 'diagnosis'], ['treatments', 'treatment']]) {
	tries[`${view} read`] = (c) => c.get(`/${view}?limit=1`)
	tries[`${view} create`] = (c) => c.post(`/${view}`, { patient_id: patient, code: '99213' })
	tries[`${view} change code`] = (c) => c.patch(`/${view}?id=eq.${record(table)}`, { code: view === 'diagnoses' ? 'E119' : '99214' })
	tries[`${view} change description`] = (c) => c.patch(`/${view}?id=eq.${record(table)}`, { description: 'other' })
	tries[`${view} change patient`] = (c) => c.patch(`/${view}?id=eq.${record(table)}`, { patient_id: other })
	tries[`${view} delete`] = (c) => c.del(`/${view}?id=eq.${record(table)}`)
}
const newTeam = () => sql(`INSERT INTO medrec.care_team (name) VALUES ('mx-${newId()}-${++team}') RETURNING id`)

// these end the caller's tokens: an account of its own each, without the rate-limited login
const ends = {
	'rpc/logout call': (c) => c.post('/rpc/logout', {}),
	'rpc/change_password call': (c) => c.post('/rpc/change_password', { old_password: PASSWORD, new_password: PASSWORD + '-new' }),
}

test('the table has all roles', () => assert.deepEqual(columns, ['anon', ...ROLES]))

test('the table has every endpoint', async () => {
	const all = Object.keys((await who.admin.get('/')).body.paths)
	assert.ok(all.length > 10)
	assert.deepEqual(lines.map((l) => `${l[0]} ${l[1]}`).filter((name) => !tries[name] && !ends[name]), [])
	assert.deepEqual(Object.keys({ ...tries, ...ends }).filter((name) => !lines.some((l) => `${l[0]} ${l[1]}` === name)), [])
})

for (const [object, operation, ...cells] of lines) {
	const name = `${object} ${operation}`
	test(name, async () => {
		for (const [i, role] of columns.entries()) {
			let answer
			if (ends[name]) {
				const c = role === 'anon' ? who.anon : client(await token(account(`mx-end-${role}-${object.slice(4, 8)}`, role)))
				answer = await ends[name](c)
			} else answer = await tries[name](who[role])
			if (cells[i] === 'yes') assert.ok(answer.status < 300, `${role}: ${answer.status} ${answer.text}`)
			else plainError(answer, role === 'anon' ? 401 : cells.includes('yes') ? 403 : 405, role)
			// a change or deletion that found nothing would prove nothing
			if (cells[i] === 'yes' && /change|delete/.test(operation)) assert.ok([answer.body].flat().length === 1, `${role}: ${answer.text}`)
		}
	})
}
