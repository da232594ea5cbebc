// What the access tests share: accounts and their tokens, keys, forged tokens, and the database behind the gateway.
// They run with LOGIN=on, as the server's user, who may use psql.
import { execFileSync } from 'node:child_process'
import { createHmac, randomUUID } from 'node:crypto'
import assert from 'node:assert/strict'
import { call } from './api.mjs'

// One statement or several, as superuser; returns bare values.
export function sql(text) {
	return execFileSync('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-f', '-'], { input: text, encoding: 'utf8', env: { ...process.env, PGOPTIONS: '-c medrec.password_cost=4' } }).trim()
}

export const ROLES = ['clinician', 'coder', 'auditor', 'admin']
export const PASSWORD = 'test-' + randomUUID()

// An account, created in the database.
export function account(name, role, password = PASSWORD) {
	sql(`INSERT INTO medrec.account (username, email, role) VALUES ('${name}', '${name}@example.org', '${role}') ON CONFLICT DO NOTHING;
		SELECT medrec.set_password('${name}', '${password}')`)
	return name
}

export const loginOnce = (username, password = PASSWORD) => call('POST', '/rpc/login', { username, password })

// nginx lets some logins through at once, then one a second: a fast run of the tests waits.
export async function unhurried(ask) {
	for (let i = 0; i < 30; i++) {
		const answer = await ask()
		if (answer.status !== 429) return answer
		await new Promise((resolve) => setTimeout(resolve, 1000))
	}
	assert.fail('no login within half a minute')
}

export const login = (username, password) => unhurried(() => loginOnce(username, password))

export async function token(username, password) {
	const answer = await login(username, password)
	assert.equal(answer.status, 200, answer.text)
	return answer.body.token
}

export const bearer = (value) => ({ Authorization: `Bearer ${value}` })

// A client of one account: the methods of api.mjs with its token.
export function client(value) {
	const send = (method) => (path, body, headers = {}) => call(method, path, body, { ...bearer(value), ...headers })
	return {
		token: value, post: send('POST'), patch: send('PATCH'), put: send('PUT'),
		get: (path, headers) => send('GET')(path, undefined, headers), del: (path, headers) => send('DELETE')(path, undefined, headers),
		head: (path, headers) => send('HEAD')(path, undefined, headers),
	}
}

// Ends PostgREST's connections, and waits until it has found out about each: the next request on one that was ended fails.
export async function newSessions() {
	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'medrec_authenticator'")
	for (let i = 0; i < 300; i++) {
		const answers = await Promise.all(Array.from({ length: 30 }, () => call('GET', '/ready')))
		if (answers.every(({ status }) => status === 200)) return
		await new Promise((resolve) => setTimeout(resolve, 100))
	}
	assert.fail('no new sessions within half a minute')
}

// One account per role, logged in.
export async function clients(prefix) {
	const made = {}
	for (const role of ROLES) made[role] = client(await token(account(`${prefix}-${role}`, role)))
	return made
}

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

// The claims of a token with another number, as if another login had issued it.
export function issued(claims) {
	const jti = randomUUID()
	sql(`INSERT INTO medrec.token_issued (jti, account_id, expires_at) SELECT '${jti}', id, now() + interval '1 day' FROM medrec.account WHERE username = '${claims.sub}'`)
	return { ...claims, jti }
}

// Unlocks all accounts, as an administrator does.
export const forgive = () => sql(`UPDATE medrec.account_login SET failures = 0, locked_until = NULL, cleared_at = clock_timestamp();
	UPDATE medrec.login_address SET failures = 0, locked_until = NULL, cleared_at = clock_timestamp()`)

// The current signing key.
export function signingKey() {
	const [kid, hex] = sql("SELECT kid, encode(key, 'hex') FROM medrec.jwt_key WHERE signs_from IS NOT NULL AND retired_at IS NULL").split('|')
	return { kid, key: Buffer.from(hex, 'hex') }
}

// A token with any header and claims, signed with HS256 and any key.
export function forge(claims, { key, header = {} } = {}) {
	const head = `${part({ alg: 'HS256', typ: 'JWT', ...header })}.${part(claims)}`
	return `${head}.${key === undefined ? '' : createHmac('sha256', key).update(head).digest('base64url')}`
}

export const claimsOf = (value) => JSON.parse(Buffer.from(value.split('.')[1], 'base64url'))

// An error as a caller may see it: four keys, no row, no SQL, no name of another object.
export function plainError(answer, statuses, where = '') {
	assert.ok([statuses].flat().includes(answer.status), `${where} ${answer.status} ${answer.text}`)
	assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'details', 'hint', 'message'], `${where} ${answer.text}`)
	assert.doesNotMatch(answer.text.replace(/invalid input syntax[^}]*/, ''), /Failing row|SELECT |INSERT |pg_catalog|medrec_gate|jwt_key|\bat character\b|postgres/i, where)
	if ([401, 403].includes(answer.status)) assert.doesNotMatch(answer.text, /Perhaps|medrec_api\./, where)
}
