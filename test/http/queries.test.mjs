// Queries that the gateway must refuse, and similar ones that it must pass: PostgREST would change more rows than
// meant, spend seconds on hints about a name, or fail.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { randomUUID } from 'node:crypto'
import { URL_BASE, get, call, post, patch, del, patient, record, count, newId } from './api.mjs'

const isError = (answer, status, where) => {
	assert.equal(answer.status, status, `${where ?? ''} ${answer.status} ${answer.text}`)
	assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'details', 'hint', 'message'], answer.text)
	assert.doesNotMatch(answer.text, /Perhaps|medrec_api\./)
}
// fetch() encodes its address; this sends it unchanged.
const raw = (method, path, headers = {}, body) => new Promise((resolve, reject) => {
	const { hostname, port, pathname } = new URL(URL_BASE)
	const r = request({ hostname, port, method, path: pathname + path, headers: { ...(body ? { 'Content-Length': Buffer.byteLength(body) } : {}), ...headers } }, (answer) => {
		let text = ''
		answer.setEncoding('utf8').on('data', (chunk) => { text += chunk })
			.on('end', () => resolve({ status: answer.statusCode, text, body: /json/.test(answer.headers['content-type'] ?? '') && text ? JSON.parse(text) : text }))
	})
	r.on('error', reject)
	r.end(body)
})

const UNFILTERED = ['', '?', '?select=', '?select=id', '?limit=1&order=id', '?limit=1', '?order=id', '?offset=1', '?columns=name', '?on_conflict=id', '?&&', '?select=*&limit=2',
	'?select=id&&order=name', '?"id"=eq.1', '?%69d=eq.1', '?sele%63t=*', '?x.id=eq.1', '?select', '?&=&', '?and', '?1=1']

test('PATCH and DELETE without a filter are refused, whatever else the query has', async () => {
	const { id } = await patient({ name: 'Unfiltered' })
	const before = await count('/patients')
	for (const query of UNFILTERED) {
		isError(await raw('DELETE', '/patients' + query), 400, query)
		isError(await raw('PATCH', '/patients' + query, { 'Content-Type': 'application/json' }, '{"name":"All"}'), 400, query)
	}
	for (const query of [';id=eq.1', `?id=eq.${id};select=id`, '?a;select=id', '?select=*;id=eq.1']) {
		const answer = await raw('DELETE', '/patients' + query)
		assert.ok([400, 404].includes(answer.status), `${query} ${answer.status}`)
	}
	assert.equal(await count('/patients'), before)
	assert.equal((await get(`/patients?id=eq.${id}`)).body[0].name, 'Unfiltered')
	assert.equal(await count('/patients?name=eq.All'), 0)
})

test('PATCH and DELETE with a filter work, and on all rows if asked explicitly', async () => {
	const { id } = await patient({ name: 'Filtered' })
	for (const query of [`id=eq.${id}`, `or=(id.eq.${id},id.is.null)`, `not.and=(id.neq.${id})`, `and=(id.eq.${id})`, `id=in.(${id})`]) {
		const answer = await patch(`/patients?${query}`, { name: 'Filtered ' + query.slice(0, 3) })
		assert.equal(answer.status, 200, query + answer.text)
		assert.deepEqual(answer.body.map((row) => row.id), [id])
	}
	const diagnosis = await record('/diagnoses', { patient_id: id, code: 'I10' })
	for (const query of [`issues-%3E%3Ea=eq.x&id=eq.${diagnosis.id}`, `issues->0->>code=eq.x&id=eq.${diagnosis.id}`])
		assert.equal((await raw('PATCH', '/diagnoses?' + query, { 'Content-Type': 'application/json' }, '{"description":"x"}')).status, 200, query)
	assert.equal((await del(`/diagnoses?id=eq.${diagnosis.id}`)).status, 200)
	assert.equal((await del(`/patients?id=eq.${id}&id=not.is.null`)).status, 200)
})

test('a semicolon is refused, and encoded it is part of the value', async () => {
	isError(await raw('GET', '/patients?name=eq.a;select=id'), 400)
	const { name, id } = await patient({ name: `Semi;colon ${newId()}` })
	assert.deepEqual((await get(`/patients?name=eq.${encodeURIComponent(name)}`)).body.map((row) => row.id), [id])
})

test('a query that is not UTF-8 when decoded is refused, and all others pass', async () => {
	for (const query of ['name=eq.%ff', '%ff=eq.1', 'name=eq.%c0%80', 'name=eq.%ed%a0%80', 'name=eq.%f5%80%80%80', 'name=eq.%e2%82', 'name=eq.%80', 'select=%fe'])
		isError(await raw('GET', '/patients?' + query), 400, query)
	for (const name of ['für', '€ 5', '😀', 'Ω≈ç√', '100%', 'ñandú', 'private \u{10fffd}', '퟿', '中文 名']) {
		const row = await patient({ name })
		assert.ok((await get(`/patients?name=eq.${encodeURIComponent(name)}`)).body.some((r) => r.id === row.id), name)
	}
	for (const query of ['name=eq.100%', 'name=eq.100%zz']) assert.equal((await raw('GET', '/patients?' + query)).status, 200, query)
})

test('a body that is not UTF-8 gets 400, whatever its type', async () => {
	for (const [type, body] of [['application/json', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])], ['text/csv', Buffer.from('name,age\nM\xfcller,3\n', 'latin1')], ['application/x-www-form-urlencoded', 'name=%ff']])
		isError(await call('POST', '/patients', body, { 'Content-Type': type }), 400, type)
})

test('headers that are not text are refused or not passed on', async () => {
	for (const name of ['Prefer', 'Accept', 'Content-Type', 'Range', 'If-None-Match', 'X-Reason'])
		isError(await raw('GET', '/patients?limit=1', { [name]: 'a\xff' }), 400, name)
	assert.equal((await raw('GET', '/patients?limit=1', { 'X-Odd': '\xff\xfe' })).status, 200)
	assert.equal((await raw('GET', '/patients?limit=1', { 'X-Reason': Buffer.from('Vertretung für Dr. Müller').toString('latin1') })).status, 200)
	for (const name of ['Accept-Profile', 'Content-Profile'])
		for (const schema of ['medrec', 'pg_catalog', 'medrec_gate', '"']) isError(await call('GET', '/patients?limit=1', undefined, { [name]: schema }), 406)
})

test('200 and 500 ids in one filter are accepted', async () => {
	const { id } = await patient()
	for (const n of [100, 200, 500]) {
		const ids = [id, ...Array.from({ length: n - 1 }, () => randomUUID())]
		for (const list of [ids.join(','), ids.join('%2C'), ids.map((one) => `"${one}"`).join(',')].slice(0, n > 200 ? 1 : 3)) {
			const answer = await get(`/patients?id=in.(${list})&select=id`)
			assert.equal(answer.status, 200, `${n} ${answer.text}`)
			assert.deepEqual(answer.body, [{ id }])
		}
	}
})

test('names of more than 63 bytes and too many names are refused', async () => {
	const long = 'x'.repeat(64)
	for (const query of [`${long}=eq.1`, `select=${long}`, `select=id,${long}`, `select=a:${long}`, `select=diagnoses!${long}(id)`, `select=diagnoses%28${long}%29`, `order=${long}.desc`, `order=id%2C${long}`, `columns=${long}`,
		`on_conflict=${long}`, `diagnoses.${long}=eq.1`, `${'a.'.repeat(5000)}b=eq.1`, `select=${'a,'.repeat(1000)}a`, `select=${'name,'.repeat(201)}id`, `order=${'id,'.repeat(300)}id`, `select=issues${'->a'.repeat(3000)}`,
		`${'age=gt.1&'.repeat(400)}id=is.null`, `or=(${'and('.repeat(100)}id.is.null${')'.repeat(101)}`, `select=${'diagnoses(patients('.repeat(9)}id${'))'.repeat(9)}`,
		`select=${Array.from({ length: 17 }, (_, i) => `a${i}:diagnoses(id)`).join(',')}`, `select=${'x'.repeat(7000)}(*)`]) isError(await raw('GET', '/patients?' + query), 400, query.slice(0, 60))
	for (const query of [`select=id&name=eq.${'x'.repeat(3000)}`, `select=${'id,'.repeat(50)}name`, `name=in.(${Array.from({ length: 500 }, (_, i) => 'n' + i).join(',')})`,
		`or=(${Array.from({ length: 200 }, (_, i) => `age.eq.${i}`).join(',')})&limit=1`, 'and=(age.gt.1,or(age.lt.3,and(age.gt.5,name.like.*x*)))&limit=1'])
		assert.equal((await raw('GET', '/patients?' + query)).status, 200, query.slice(0, 60))
})

test('only existing names are embedded, in every spelling, and no answer hints at similar ones', async () => {
	for (const select of ['nothing(*)', 'diagnose(*)', 'id,nothing(id)', 'diagnoses(nothing(id))', 'a:nothing(id)', '...nothing(id)', 'nothing!inner(id)', 'nothing%28id%29', 'diagnoses%28id%2Cnothing%28id%29%29', '"diagnoses"(id)', 'Diagnoses(id)', 'xdiagnoses(id)', 'diagnosesx(id)', 'account_login(*)'])
		isError(await raw('GET', `/patients?select=${select}`), 400, select)
	const { id } = await patient()
	await record('/diagnoses', { patient_id: id, code: 'I10' })
	for (const select of ['diagnoses(code)', 'id,diagnoses(code),treatments(code)', 'd:diagnoses(code)', 'diagnoses!inner(code)', 'diagnoses%28code%29', 'd%3Adiagnoses%21inner%28code%29', 'diagnoses(code,patients(name))', 'diagnoses!diagnosis_patient_id_fkey(code)', 'name,current_age,diagnoses(*)']) {
		const answer = await raw('GET', `/patients?id=eq.${id}&select=${select}`)
		assert.equal(answer.status, 200, `${select} ${answer.text}`)
	}
	assert.equal((await raw('GET', `/diagnoses?patient_id=eq.${id}&select=code,...patients(name)`)).status, 200)
})

test('a volatile function is called by POST only, with one error text, before any work', async () => {
	const texts = new Set()
	for (const name of ['record_visit', 'accept_suggestion', 'confirm', 'reject', 'add_suggestions', 'load_release', 'login', 'change_password', 'set_password', 'revoke_tokens', 'logout', 'break_glass'])
		for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'])
			for (const query of ['', '?username=x&password=y', `?record=${randomUUID()}`]) {
				const answer = await call(method, `/rpc/${name}${query}`)
				isError(answer, 405, name)
				texts.add(answer.text)
			}
	assert.equal(texts.size, 1)
	assert.equal((await call('HEAD', '/rpc/login?username=x&password=y')).status, 405)
	for (const path of ['/rpc/suggest?code_system=ICD-10-CM&display=asthma', '/rpc/health']) assert.equal((await get(path)).status, 200, path)
})

test('nginx\'s own errors are JSON and have their own status', async () => {
	for (const [method, path, status] of [['TRACE', '/patients', 405], ['GET', '/nothing', 404], ['POST', '/', 405], ['BREW', '/patients', 405], ['GET', '/rpc/nothing', 404], ['GET', '/rpc', 404], ['GET', '/rpc/current_age', 404]]) {
		const answer = await raw(method, path)
		assert.equal(answer.status, status, `${method} ${path} ${answer.text}`)
		assert.equal(answer.body.code, String(status), answer.text)
	}
	assert.equal((await post('/rpc/health', { x: 'y'.repeat(2000) })).status, 413)
})
