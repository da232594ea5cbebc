// The description at /api/: complete, and every object has text.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { get, URL_BASE } from './api.mjs'

const PATHS = ['/patients', '/diagnoses', '/treatments', '/accounts', '/codes', '/code_systems', '/code_releases', '/audit_events',
	'/rpc/validate_code', '/rpc/suggest', '/rpc/record_visit', '/rpc/search_patients', '/rpc/accept_suggestion', '/rpc/confirm', '/rpc/reject',
	'/rpc/add_suggestions', '/rpc/load_release', '/rpc/health']

const api = async () => (await get('/')).body

test('the description is the same with and without slash, with the address that clients use', async () => {
	const [with_, without] = [await fetch(URL_BASE + '/'), await fetch(URL_BASE, { redirect: 'error' })]
	assert.equal(with_.status, 200)
	assert.equal(without.status, 200)
	const body = await with_.json()
	assert.deepEqual(await without.json(), body)
	assert.equal(body.basePath, '/api')
	assert.equal(body.host, new URL(URL_BASE).host)
	assert.match(body.info.title, /^medrec \d+\.\d+$/, 'the title bears the version')
	assert.match(body.info.description, /patients/i)
})

test('every promised path is there', async () => {
	const { paths } = await api()
	assert.deepEqual(PATHS.filter((path) => !(path in paths)), [])
})

test('every path is described in each of its methods', async () => {
	const { paths } = await api()
	const bare = []
	for (const [path, methods] of Object.entries(paths)) {
		if (path === '/') continue
		for (const [method, what] of Object.entries(methods)) {
			if (!what.summary && !what.description) bare.push(`${method} ${path}`)
		}
	}
	assert.deepEqual(bare, [])
})

test('every table and every column of it is described', async () => {
	const { definitions } = await api()
	const bare = []
	for (const [name, table] of Object.entries(definitions)) {
		if (!table.description) bare.push(name)
		for (const [column, what] of Object.entries(table.properties ?? {})) {
			// PostgREST itself writes notes about keys; they are not descriptions.
			const words = (what.description ?? '').replace(/Note:\s*This is a [\s\S]*/, '').trim()
			if (!words) bare.push(`${name}.${column}`)
		}
	}
	assert.deepEqual(bare, [])
})
