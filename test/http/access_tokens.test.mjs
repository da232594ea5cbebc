// Authentication: tokens that are invalid, no longer valid, or claim too much.
import { test, before } from 'node:test'
import assert from 'node:assert/strict'
import { generateKeyPairSync, createSign, randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { URL_BASE, call, get, post } from './api.mjs'
import { sql, account, login, unhurried, token, bearer, client, forge, issued, forgive, signingKey, claimsOf, plainError, PASSWORD } from './access.mjs'

let mine, claims, key, kid

before(async () => {
	mine = await token(account('tok-clinician', 'clinician'))
	claims = claimsOf(mine);
	({ key, kid } = signingKey())
})

const refused = async (value, where) => plainError(await get('/patients?limit=1', bearer(value)), 401, where)

test('without a token only login, health and probes answer, and not the description, which shows versions', async () => {
	for (const path of ['/live', '/ready', '/rpc/health', '/rpc/health/']) assert.equal((await get(path)).status, 200, path)
	for (const path of ['/', '', '/patients', '/patients/', '/diagnoses', '/accounts', '/audit_events', '/rpc/suggest', '/nothing', '/rpc/nothing', '/rpc', '/patients?select=name'])
		plainError(await get(path), 401, path)
	for (const path of ['/patients', '/rpc/load_release', '/rpc/confirm', '/rpc/logout', '/rpc/set_password', '/rpc/loginx', '/rpc/login/x', '/rpc//login2'])
		plainError(await post(path, {}), [401], path)
	assert.match((await get('/', bearer(mine))).body.info.title, /medrec/, 'a token opens the description')
})

test('versions are shown only with a token', async () => {
	assert.deepEqual(Object.keys((await get('/rpc/health')).body).sort(), ['status', 'time'])
	assert.deepEqual(Object.keys((await get('/rpc/health', bearer(mine))).body).sort(), ['extension', 'postgresql', 'status', 'time', 'version', 'warnings'])
})

test('a good token is accepted, and only in its header', async () => {
	assert.equal((await get('/patients?limit=1', bearer(mine))).status, 200)
	assert.equal((await get('/patients?limit=1', { Authorization: `bearer ${mine}` })).status, 200)
	plainError(await get(`/patients?access_token=${mine}`), 401)
	plainError(await get('/patients', { Cookie: `token=${mine}` }), 401)
	for (const header of ['Bearer', 'Bearer ', `Basic ${mine}`, mine, 'Bearer x', 'Bearer a.b.c', `Bearer ${mine} ${mine}`])
		assert.equal((await get('/patients?limit=1', { Authorization: header })).status, 401, header)
})

test('expired, not yet valid and future tokens are refused', async () => {
	const now = Math.floor(Date.now() / 1000)
	await refused(forge({ ...issued(claims), exp: now - 60 }, { key }), 'expired')
	await refused(forge({ ...issued(claims), nbf: now + 600 }, { key }), 'not yet valid')
	await refused(forge({ ...issued(claims), iat: now + 600 }, { key }), 'issued in the future')
	assert.equal((await get('/patients?limit=1', bearer(forge(issued(claims), { key })))).status, 200, 'the same, as it should be')
	await refused(forge({ ...claims, jti: randomUUID() }, { key }), 'well signed, but of no login')
	const { exp, ...endless } = issued(claims)
	await refused(forge(endless, { key }), 'without an end')
	const { aud, ...nobodys } = issued(claims)
	await refused(forge(nobodys, { key }), 'for no service')
	await refused(forge({ ...issued(claims), aud: 'another' }, { key }), 'for another service')
})

test('a wrong signature, none, alg none, and a changed payload are refused', async () => {
	await refused(forge(claims, { key: Buffer.alloc(32, 7) }), 'another key')
	await refused(forge(claims, { key: Buffer.from('') }), 'an empty key')
	await refused(forge(claims, { key: Buffer.from(kid) }), 'the name of the key')
	for (const alg of ['none', 'None', 'NONE', 'nOnE', '', 'HS1', 'HS384', null])
		await refused(forge(claims, { header: { alg } }), `alg ${alg} without a signature`)
	for (const alg of ['none', 'HS384', 'HS512', 'RS256']) await refused(forge(claims, { key, header: { alg } }), `alg ${alg} with an HS256 signature`)
	const [head, , signature] = mine.split('.')
	await refused(`${head}.${Buffer.from(JSON.stringify({ ...claims, role: 'medrec_admin' })).toString('base64url')}.${signature}`, 'another role')
	await refused(mine.slice(0, -4), 'a short signature')
	await refused(`${mine}.x`, 'a fourth part')
})

test('RS256 and HS256 cannot be confused', async () => {
	const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
	const head = `${Buffer.from('{"alg":"RS256","typ":"JWT"}').toString('base64url')}.${mine.split('.')[1]}`
	await refused(`${head}.${createSign('sha256').update(head).sign(privateKey).toString('base64url')}`, 'signed with a key of its own')
	await refused(forge(claims, { key: publicKey.export({ type: 'spki', format: 'pem' }) }), 'HMAC with a public key')
	await refused(forge(claims, { key, header: { jwk: publicKey.export({ format: 'jwk' }) } }).replace(/.{5}$/, 'AAAAA'), 'a key in the header')
	await refused(forge(claims, { key: Buffer.alloc(0), header: { kid: '/dev/null' } }), 'a kid that is a file')
	await refused(forge(claims, { key: Buffer.from('x'), header: { kid: "x' UNION SELECT 'x" } }), 'a kid that is SQL')
})

test('a well-signed role that the account does not have is refused', async () => {
	for (const role of ['medrec_admin', 'medrec_auditor', 'medrec_authenticator', 'medrec_gatekeeper', 'postgres', 'pg_read_all_data', 'medrec_demo', 'nobody', 'medrec_clinician"; SET ROLE postgres; --']) {
		const answer = await get('/patients?limit=1', bearer(forge({ ...claims, role, jti: issued(claims).jti }, { key })))
		assert.ok([400, 401, 403].includes(answer.status), `${role} ${answer.status}`)
	}
	for (const sub of ['nobody', '', null, 7, { x: 1 }, ["tok-clinician"], "tok-clinician' OR true --", 'x'.repeat(5000)])
		plainError(await get('/patients?limit=1', bearer(forge({ ...claims, sub, jti: randomUUID() }, { key }))), 401, `sub ${JSON.stringify(sub).slice(0, 40)}`)
	const anonymous = bearer(forge({ sub: 'tok-clinician', exp: claims.exp }, { key }))
	plainError(await get('/patients?limit=1', anonymous), 401, 'no role at all')
})

test('deactivating, another role, another password, logout and revocation take effect at once', async () => {
	const name = account('tok-leaver', 'clinician')
	const works = async (c, where) => assert.equal((await c.get('/patients?limit=1')).status, 200, where)
	const ended = async (c, where) => plainError(await c.get('/patients?limit=1'), 401, where)

	let leaver = client(await token(name))
	await works(leaver, 'first')
	sql(`UPDATE medrec.account SET is_active = false WHERE username = '${name}'`)
	await ended(leaver, 'deactivated')
	plainError(await login(name), 401)
	sql(`UPDATE medrec.account SET is_active = true, role = 'coder' WHERE username = '${name}'`)
	await ended(leaver, 'another role')
	sql(`UPDATE medrec.account SET role = 'clinician' WHERE username = '${name}'`)
	forgive()
	await ended(leaver, 'active again, with the token of before')
	leaver = client(await token(name))
	await works(leaver, 'as before')

	const changed = await leaver.post('/rpc/change_password', { old_password: PASSWORD, new_password: PASSWORD + '-2' })
	assert.equal(changed.status, 200, changed.text)
	await ended(leaver, 'another password')
	leaver = client(changed.body.token)
	await works(leaver, 'the new token')
	assert.equal((await leaver.post('/rpc/logout', {})).status, 204)
	await ended(leaver, 'logged out')

	const admin = client(await token(account('tok-admin', 'admin')))
	leaver = client(await token(name, PASSWORD + '-2'))
	await works(leaver, 'again')
	assert.equal((await admin.post('/rpc/revoke_tokens', { username: name })).status, 204)
	await ended(leaver, 'revoked')
	assert.equal((await admin.patch(`/accounts?username=eq.${name}`, { is_active: false })).status, 200)
	plainError(await login(name, PASSWORD + '-2'), 401, 'an administrator deactivates')
})

test('login gives the same answer to every failure, and is no GET', async () => {
	account('tok-locked', 'coder')
	sql("UPDATE medrec.account SET is_active = false WHERE username = 'tok-locked'")
	const answers = [await login('nobody-' + randomUUID(), 'x'), await login('tok-clinician', 'x'), await login('tok-locked'), await login('', ''), await login(null, null)]
	for (const answer of answers) {
		plainError(answer, 401)
		assert.equal(answer.text, answers[0].text)
		assert.deepEqual([...answer.headers.keys()], [...answers[0].headers.keys()])
	}
	assert.ok([401, 405].includes((await unhurried(() => get(`/rpc/login?username=tok-clinician&password=${PASSWORD}`))).status), 'a password has no place in an address')
	forgive()
})

test('an account created again under a name does not accept tokens of the old one', async () => {
	const name = account('tok-again', 'clinician')
	const old = client(await token(name))
	assert.equal((await old.get('/patients?limit=1')).status, 200)
	sql(`DELETE FROM medrec.account WHERE username = '${name}'`)
	account(name, 'clinician')
	plainError(await old.get('/patients?limit=1'), 401)
})

test('Prefer: tx=rollback does not undo a failed attempt, and a login by GET reveals nothing', async () => {
	const name = account('tok-oracle', 'clinician')
	const failures = () => sql(`SELECT coalesce(max(d.failures), 0) FROM medrec.login_address AS d JOIN medrec.account AS a ON a.id = d.account_id WHERE a.username = '${name}'`)
	const wrong = await unhurried(() => call('POST', '/rpc/login', { username: name, password: 'x' }, { Prefer: 'tx=rollback' }))
	plainError(wrong, 401)
	assert.equal(failures(), '1')
	// without a token an address with a query is refused, and with one the method
	const bearers = [[{}, 401], [bearer(await token(account('tok-oracle2', 'clinician'))), 405]]
	for (const [headers, status] of bearers) {
		const ask = (password) => unhurried(() => get(`/rpc/login?username=${name}&password=${password}`, headers))
		const answers = [await ask('x'), await ask(PASSWORD)]
		assert.equal(answers[0].text, answers[1].text)
		assert.deepEqual(answers.map((a) => a.status), [status, status])
	}
	assert.equal(failures(), '1', 'a refused request checks no password')
	forgive()
})

test('the last administrator cannot be removed', async () => {
	const admin = client(await token(account('tok-last', 'admin')))
	sql("UPDATE medrec.account SET is_active = username = 'tok-last' WHERE role = 'admin'")
	for (const change of [{ is_active: false }, { role: 'coder' }]) assert.ok((await admin.patch('/accounts?username=eq.tok-last', change)).status >= 400)
	assert.ok((await admin.del('/accounts?username=eq.tok-last')).status >= 400)
	assert.equal((await admin.get('/accounts?username=eq.tok-last')).body[0].is_active, true)
	sql("UPDATE medrec.account SET is_active = true WHERE role = 'admin'")
})

test('a rotated key is accepted for its overlap, then not', async () => {
	// PostgREST uses new keys when the notification has reached it
	const becomes = async (status, token, where) => {
		for (let i = 0; i < 50; i++) {
			if ((await get('/patients?limit=1', bearer(token()))).status === status) return
			await new Promise((resolve) => setTimeout(resolve, 100))
		}
		assert.fail(where)
	}
	const accepted = (status, where) => becomes(status, () => forge(issued(claims), { key }), where)
	sql("SELECT medrec.rotate_jwt_key('1 day')")
	await accepted(200, 'a token of the old key within the overlap')
	const fresh = await login('tok-clinician')
	await becomes(200, () => fresh.body.token, 'a token of the new key')
	sql("UPDATE medrec.jwt_key SET retired_at = now() - interval '1 s' WHERE retired_at > now(); NOTIFY pgrst, 'reload config'")
	await accepted(401, 'a token of the old key after it')
	assert.equal((await get('/patients?limit=1', bearer(fresh.body.token))).status, 200, 'the new one stays')
	sql("SELECT medrec.rotate_jwt_key('0')")
	await refused(fresh.body.token, 'all keys thrown away')
})

test('plain HTTP on the port is refused', async () => {
	const status = await new Promise((resolve, reject) => {
		const { port } = new URL(URL_BASE)
		request({ port, host: '127.0.0.1', path: '/api/patients', headers: { Host: `localhost:${port}`, ...bearer(mine) } }, (r) => { r.resume(); resolve(r.statusCode) }).on('error', reject).end()
	})
	assert.equal(status, 400)
})

test('every answer has the security headers', async () => {
	for (const answer of [await get('/live'), await get('/patients'), await get('/rpc/health'), await get('/nothing', bearer('x')), await call('OPTIONS', '/patients')]) {
		assert.match(answer.headers.get('strict-transport-security'), /max-age=\d{8}/)
		assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
		assert.equal(answer.headers.get('cache-control'), 'no-store')
		assert.equal(answer.headers.get('x-frame-options'), 'DENY')
		assert.doesNotMatch([...answer.headers].join(' '), /nginx\/|postgrest/i)
	}
})

test('pages of other sites are refused, configured ones allowed', async () => {
	plainError(await get('/patients?limit=1', { ...bearer(mine), Origin: 'https://evil.example' }), 403)
	const preflight = await call('OPTIONS', '/patients', undefined, { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'GET' })
	assert.equal(preflight.headers.get('access-control-allow-origin'), null)
	const origin = new URL(URL_BASE).origin
	const own = await call('OPTIONS', '/patients', undefined, { Origin: origin, 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'authorization' })
	assert.equal(own.status, 200)
	assert.equal(own.headers.get('access-control-allow-origin'), origin)
})
