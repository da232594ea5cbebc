// What nginx does itself: limits, other sites' pages, its own errors, the two probes, and what it keeps out of its log.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { get, post, call, person, patient, newId, count, URL_BASE } from './api.mjs'

const { origin, port } = new URL(URL_BASE)
const { MEDREC_RUN_DIR } = process.env

// A request as bytes, for what fetch cannot send.
function raw(text) {
	return new Promise((resolve, reject) => {
		const socket = connect(port, '127.0.0.1')
		let answer = ''
		socket.setEncoding('utf8')
		socket.on('data', (chunk) => { answer += chunk })
		socket.on('end', () => resolve(answer))
		socket.on('error', reject)
		socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')))
		socket.write(text)
	})
}

// Errors look the same from nginx and PostgREST.
function isError(answer, status) {
	assert.equal(answer.status, status, answer.text)
	assert.match(answer.headers.get('content-type'), /^application\/json/)
	assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'details', 'hint', 'message'])
}

test('live and ready answer, with and without slash', async () => {
	for (const path of ['/live', '/live/', '/ready', '/ready/']) assert.equal((await get(path)).status, 200, path)
	assert.equal((await post('/ready', {})).status, 405)
})

// PostgREST closes connections silently after some errors: on a kept one, the next POST would get 503.
test('nginx keeps no connection to PostgREST open', { skip: !MEDREC_RUN_DIR && 'no private server at hand' }, async () => {
	const socket = readFileSync(`${MEDREC_RUN_DIR}/postgrest.conf`, 'utf8').match(/^server-unix-socket = "(.*)"$/m)[1]
	// accepted connections have the listener's name, and state 03
	const kept = () => readFileSync('/proc/net/unix', 'utf8').split('\n').filter((line) => line.endsWith(' ' + socket) && line.trim().split(/\s+/)[5] === '03').length
	for (let i = 0; i < 8; i++) assert.equal((await post('/rpc/validate_code', { code_system: 'ICD-10-CM', code: 'I10' })).status, 200)
	// the answer may arrive before the other end is closed
	for (let tries = 0; tries < 100 && kept() > 0; tries++) await sleep(100)
	assert.equal(kept(), 0)
})

test('a body of 20 MB is refused with 413, and the server still answers', async () => {
	const before = await count('/patients')
	isError(await post('/patients/', `{"name":"${'x'.repeat(20 * 1024 * 1024)}"}`), 413)
	isError(await post('/patients', `[${' '.repeat(20 * 1024 * 1024)}]`), 413)
	assert.equal(await count('/patients'), before)
})

test('a body of 14 MB is accepted', async () => {
	const answer = await post('/patients', `[${' '.repeat(14 * 1024 * 1024)}${JSON.stringify(person())}]`)
	assert.equal(answer.status, 201, answer.text)
})

test('an address or a header that is too long is refused', async () => {
	isError(await get('/patients?name=eq.' + 'x'.repeat(40_000)), 414)
	isError(await get('/patients', { 'X-Long': 'x'.repeat(40_000) }), 431)
})

test('bytes that are not HTTP get 400 as JSON', async () => {
	const answer = await raw('GARBAGE\r\n\r\n')
	assert.match(answer, /^HTTP\/1.1 400 /)
	assert.match(answer, /"message":"bad request"/)
})

test('a page of another site is refused, one on this machine is not', async () => {
	for (const foreign of ['https://evil.example', 'null', 'http://localhost.evil.example', `${origin}.evil.example`]) {
		isError(await get('/patients', { Origin: foreign }), 403)
		isError(await post('/patients', person(), { Origin: foreign }), 403)
	}
	assert.equal((await get('/patients?limit=1', { Origin: origin })).status, 200)
})

test('an unknown host name is refused', async () => {
	assert.match(await raw(`GET /api/patients HTTP/1.1\r\nHost: evil.example:${port}\r\nConnection: close\r\n\r\n`), /^HTTP\/1.1 421 /)
	assert.match(await raw(`GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`), /^HTTP\/1.1 200 /)
})

test('nothing outside /api/ is served, and nginx\'s rules cannot be bypassed', async () => {
	for (const path of ['/', '/patients', '/postgrest/patients', '/error/400', '/api/../postgrest/patients']) {
		assert.equal((await fetch(origin + path)).status, 404, path)
	}
})

test('no answer contains a version of the server', async () => {
	for (const answer of [await get('/patients?limit=1'), await get('/live'), await get('/nothing')]) {
		assert.doesNotMatch([...answer.headers].join(' '), /nginx\/|postgrest\//i)
	}
})

test('answers with records are not cached, and have a request id', async () => {
	const { headers } = await get('/patients?limit=1')
	assert.equal(headers.get('cache-control'), 'no-store')
	assert.equal(headers.get('x-content-type-options'), 'nosniff')
	assert.match(headers.get('x-request-id'), /^[0-9a-f]{32}$/)
})

test('the log has the request, and nothing of its query or body', async (t) => {
	if (!process.env.MEDREC_RUN_DIR) return t.skip('the log is not at hand')
	const secret = 'Secret' + newId()
	const row = await patient({ name: secret })
	const read = await get(`/patients?name=eq.${secret}`)
	await post('/patients', { ...person({ name: secret }), patient_id: row.patient_id })
	await get(`/patients?name=eq.${secret}&select=nothing`)
	const logs = ['nginx-access.log', 'nginx-error.log', 'postgrest.log', 'postgres.log']
		.map((name) => readFileSync(`${process.env.MEDREC_RUN_DIR}/${name}`, 'utf8')).join('')
	assert.ok(logs.includes(read.headers.get('x-request-id')))
	assert.ok(!logs.includes(secret))
	assert.ok(!logs.includes(row.patient_id))
})

test('200 concurrent requests are all answered', async () => {
	const answers = await Promise.all(Array.from({ length: 200 }, () => get('/patients?limit=1')))
	assert.deepEqual([...new Set(answers.map((a) => a.status))], [200])
})

test('OPTIONS and unknown methods get the right status', async () => {
	assert.equal((await call('OPTIONS', '/patients')).status, 204)
	assert.ok([400, 405, 501].includes((await call('PROPFIND', '/patients')).status))
})
