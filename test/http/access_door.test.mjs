// What reaches PostgREST at all when logins are required: a well-formed token, or one of the few open addresses.
import { test, before } from 'node:test'
import { connect } from 'node:tls'
import assert from 'node:assert/strict'
import { URL_BASE, call, get } from './api.mjs'
import { sql, clients, bearer, plainError, unhurried } from './access.mjs'

let who
before(async () => { who = await clients('door') })

const OPEN = ['/live', '/ready', '/rpc/health']

test('a malformed bearer token is refused, even at open addresses', async () => {
	for (const value of ['Basic YTpi', 'x', 'Bearer', 'Bearer x', 'Bearer a.b', 'Bearer a.b.c.d', 'Bearer a.b.c d', 'Bearer ..', 'Bearer a..c', 'Digest username="x"', 'Bearer a b.c.d', 'bearer', `Bearer ${'x'.repeat(3000)}`, 'Bearer a.b.ü'.replace('ü', '%c3')])
		for (const path of ['/patients', '/rpc/suggest?code_system=ICD-10-CM&display=x', '/rpc/' + 'x'.repeat(4000), '/patients?select=nothing(*)', ...OPEN])
			plainError(await get(path, { Authorization: value }), 401, `${value} ${path}`)
})

test('without a token only the open addresses answer, with no query and no other method', async () => {
	for (const path of OPEN) assert.equal((await get(path)).status, 200, path)
	for (const path of ['/', '/?select=x', '/rpc/health?select=nothing(*)', '/rpc/login?username=a&password=b', '/rpc/nothing', '/patients', '/rpc/login/x', '/rpc/healthx']) plainError(await get(path), 401, path)
	plainError(await call('GET', '/rpc/login'), 405)
})

test('with a token every view and function of the schema can be reached, and nothing else', async () => {
	const names = sql(`SELECT relname FROM pg_class WHERE relnamespace = 'medrec_api'::regnamespace AND relkind = 'v'
		UNION SELECT 'rpc/' || proname FROM pg_proc WHERE pronamespace = 'medrec_api'::regnamespace AND proname NOT IN ('current_age', 'logout', 'explain', 'upload_allowed', 'upload_release') AND proname NOT LIKE 'medrec\\_%'`).split('\n')
	assert.ok(names.length > 25)
	for (const name of names) {
		const answer = await unhurried(() => who.admin.post(`/${name}`, {}))
		assert.ok(answer.body?.message !== 'not found', `${name} ${answer.status} ${answer.text}`)
		assert.equal((await unhurried(() => call('OPTIONS', `/${name}`, undefined, { Origin: new URL(URL_BASE).origin, 'Access-Control-Request-Method': 'POST' }))).status, 204, name)
	}
	for (const name of ['patient', 'rpc/medrec_once', 'rpc/medrec_counted', 'rpc/medrec_precondition', 'rpc/explain', 'rpc/upload_allowed', 'rpc/upload_release', 'rpc/check_request', 'rpc/current_age', 'rpc/wrong_arguments', 'patients/x', 'rpc/login/login', 'PATIENTS'])
		plainError(await who.admin.get(`/${name}`), 404, name)
})

test('unknown arguments get one text without a search, for each function with arguments', async () => {
	const body = JSON.stringify(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, 1])))
	for (const name of sql(`SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'medrec_api'::regnamespace AND pronargs > 0
		AND proname <> 'current_age' AND proname NOT LIKE 'medrec\\_%' AND proargtypes <> '3802'::oidvector`).split('\n')) {
		const answer = await unhurried(() => who.admin.post(`/rpc/${name}`, body))
		assert.ok([403, 404, 413].includes(answer.status), `${name} ${answer.status} ${answer.text.slice(0, 200)}`)
		assert.doesNotMatch(answer.text, /PGRST|Perhaps|k999/, name)
	}
})

test('a password in an address is not checked: nothing counts and nothing is revealed', async () => {
	const before = sql('SELECT coalesce(sum(refused), 0) FROM medrec.account_login')
	const answers = new Set()
	for (const c of Object.values(who))
		for (const path of ['/rpc/login?username=door-admin&password=wrong', '/rpc/login?username=nobody&password=wrong', '/rpc/change_password?old_password=wrong&new_password=0123456789ab'])
			for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
				const answer = await call(method, path, undefined, bearer(c.token))
				assert.equal(answer.status, 405, path)
				if (method !== 'HEAD') answers.add(answer.text)
			}
	assert.equal(answers.size, 1)
	assert.equal(sql('SELECT coalesce(sum(refused), 0) FROM medrec.account_login'), before)
})

// A request as bytes, and the head and body of what comes back.
function raw(text) {
	const url = new URL(URL_BASE)
	return new Promise((resolve) => {
		const socket = connect({ host: url.hostname, port: url.port, servername: url.hostname }, () => socket.write(text))
		let answer = ''
		socket.setEncoding('latin1').on('data', (part) => { answer += part })
			// what was not read yet is answered with a reset, after the answer
			.on('error', () => {})
			.on('close', () => resolve({ status: Number(answer.split(' ')[1]), body: JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) }))
	})
}

test('the body of an error that nginx makes itself agrees with the status, malformed requests included', async () => {
	const health = (headers, uri = '/api/rpc/health', method = 'GET', version = '1.1') => `${method} ${uri} HTTP/${version}\r\nHost: localhost\r\n${headers}Connection: close\r\n\r\n`
	const requests = [
		[400, health('', '/api/rpc/health%00')], [400, health('', '/api/rpc/health x')], [400, health('', undefined, 'get')], [400, health('Host: localhost\r\n')],
		[400, health('X: a\0b\r\n')], [400, health('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n', undefined, 'POST')], [405, health('', undefined, 'TRACE')],
		[414, health('', '/api/patients?' + 'a'.repeat(40000))], [431, health(`X: ${'a'.repeat(40000)}\r\n`)], [501, health('Transfer-Encoding: odd\r\n', undefined, 'POST')],
		[505, health('', undefined, 'GET', '2.0')], [421, health('').replace('localhost', 'evil')], [401, health('', '/api/patients')],
	]
	for (const [status, request] of requests) {
		const answer = await raw(request)
		assert.deepEqual([answer.status, answer.body.code], [status, String(status)], request.slice(0, 80))
	}
})
