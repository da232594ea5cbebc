// The database stops and starts: clients get 503 and no details, and the gateway recovers by itself.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { call, get, post, person } from './api.mjs'

const { MEDREC_RUN_DIR, PG_CONFIG } = process.env

test('without its database the gateway answers 503, and recovers with it', { skip: !MEDREC_RUN_DIR && 'no private server at hand' }, async () => {
	const bindir = execFileSync(PG_CONFIG, ['--bindir'], { encoding: 'utf8' }).trim()
	const control = (...what) => execFileSync(`${bindir}/pg_ctl`, ['-D', `${MEDREC_RUN_DIR}/data`, '-w', ...what], { stdio: 'ignore' })
	control('-m', 'fast', 'stop')
	try {
		for (const answer of [await get('/patients'), await post('/patients', person()), await get('/ready'), await get('/'), await get('/rpc/health'), await get('/diagnoses?select=id&limit=1'),
			await call('PATCH', '/patients?id=is.null', { age: 1 }), await call('DELETE', '/patients?id=is.null'), await post('/rpc/record_visit', {}), await get('/rpc/suggest?code_system=CVX&display=x'),
			await call('POST', '/patients', 'name=x', { 'Content-Type': 'application/x-www-form-urlencoded' }), await call('POST', '/patients', 'name\nx\n', { 'Content-Type': 'text/csv' }),
			await get('/patients', { Accept: 'text/csv' }), await get('/patients', { Range: '0-1' })]) {
			assert.equal(answer.status, 503, answer.text)
			assert.deepEqual(answer.body, { code: '503', message: 'the service is not ready', details: null, hint: null })
		}
		assert.equal((await get('/live')).status, 200)
	} finally {
		control('-l', `${MEDREC_RUN_DIR}/postgres.log`, 'start')
	}
	for (let tries = 0; tries < 300 && (await get('/ready')).status !== 200; tries++) await sleep(100)
	assert.equal((await get('/ready')).status, 200)
	assert.equal((await post('/patients', person())).status, 201)
})
