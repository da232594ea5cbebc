// Pages of other origins: in the open demo any page of this machine may read and write; all others neither.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { get, post, call, patient, person, count } from './api.mjs'

const LOCAL = ['http://localhost:3000', 'http://localhost', 'https://localhost:5173', 'http://127.0.0.1:8000', 'http://[::1]:4321']
const FOREIGN = ['https://evil.example', 'null', 'http://localhost.evil.example', 'http://localhost:3000.evil.example', 'http://evil.example:3000', 'ftp://localhost', 'http://localhost:x']
const cors = (answer) => [...answer.headers].filter(([name]) => name.startsWith('access-control-')).map(([name]) => name.slice(15)).sort()
const preflight = (path, origin, method, headers) => call('OPTIONS', path, undefined, { Origin: origin, 'Access-Control-Request-Method': method, ...(headers ? { 'Access-Control-Request-Headers': headers } : {}) })

test('a preflight of a local page is allowed, for every method and header', async () => {
	for (const origin of LOCAL)
		for (const [path, method] of [['/patients', 'POST'], ['/patients/', 'PATCH'], ['/patients/00000000-0000-4000-8000-000000000000/', 'PUT'], ['/diagnoses?id=eq.1', 'DELETE'], ['/rpc/record_visit', 'POST'], ['/', 'GET'], ['/nothing', 'GET']]) {
			const answer = await preflight(path, origin, method, 'authorization,content-type,idempotency-key,if-match,prefer,x-client-info')
			assert.deepEqual([answer.status, answer.text], [204, ''], path)
			assert.equal(answer.headers.get('access-control-allow-origin'), origin)
			assert.ok(answer.headers.get('access-control-allow-methods').split(', ').includes(method))
			assert.equal(answer.headers.get('access-control-allow-headers'), 'authorization,content-type,idempotency-key,if-match,prefer,x-client-info')
			assert.ok(Number(answer.headers.get('access-control-max-age')) > 0)
		}
})

test('a local page reads and writes, and sees errors and headers', async () => {
	const row = await patient()
	const Origin = LOCAL[0]
	const answers = [await get(`/patients/${row.id}`, { Origin }), await post('/patients', person(), { Origin }), await call('PATCH', `/patients/${row.id}`, { age: 3 }, { Origin }), await get('/patients?limit=1', { Origin }),
		await post('/rpc/validate_code', { code_system: 'ICD-10-CM', code: 'I10' }, { Origin }), await get('/live', { Origin }), await get('/ready', { Origin }),
		await get('/nothing', { Origin }), await post('/patients', { age: 200 }, { Origin }), await get('/patients?age=45', { Origin }), await post('/codes', {}, { Origin }), await get('/patients/00000000-0000-4000-8000-000000000000', { Origin }),
		await call('PATCH', `/patients/${row.id}`, { age: 3 }, { Origin, 'If-Match': '"9"' }), await get('/patients', { Origin, Authorization: 'Bearer x' }), await post('/patients', '{"x":"' + 'x'.repeat(17 << 20) + '"}', { Origin }),
		await post('/patients', person(), { Origin, 'Idempotency-Key': crypto.randomUUID() })]
	assert.deepEqual(answers.map((a) => a.status), [200, 201, 200, 200, 200, 200, 200, 404, 400, 400, 405, 404, 412, 401, 413, 201])
	for (const answer of answers) {
		assert.deepEqual(cors(answer), ['allow-origin', 'expose-headers'], answer.text)
		assert.equal(answer.headers.get('access-control-allow-origin'), Origin)
		assert.match(answer.headers.get('vary'), /\bOrigin\b/i)
		const seen = answer.headers.get('access-control-expose-headers').toLowerCase().split(', ')
		for (const name of ['content-range', 'location', 'etag', 'x-request-id', 'preference-applied', 'allow']) assert.ok(seen.includes(name), name)
	}
})

test('a foreign page gets 403 without any such header, and its preflight too', async () => {
	const before = await count('/patients')
	for (const Origin of FOREIGN)
		for (const answer of [await get('/patients?limit=1', { Origin }), await post('/patients', person(), { Origin }), await preflight('/patients', Origin, 'POST', 'content-type'), await call('OPTIONS', '/patients', undefined, { Origin }), await get('/live', { Origin })]) {
			assert.equal(answer.status, 403, Origin)
			assert.deepEqual(cors(answer), [], Origin)
			assert.match(answer.headers.get('vary'), /\bOrigin\b/i)
		}
	assert.equal(await count('/patients'), before)
})

test('without an origin no such header is sent, by nginx or PostgREST', async () => {
	for (const answer of [await get('/patients?limit=1'), await call('OPTIONS', '/patients'), await call('OPTIONS', '/patients', undefined, { 'Access-Control-Request-Method': 'POST' }), await post('/patients', {}), await get('/nothing')]) {
		assert.deepEqual(cors(answer), [])
		assert.match(answer.headers.get('vary'), /\bOrigin\b/i)
	}
})
