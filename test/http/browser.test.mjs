// In a real browser: the page of the description, and pages of other origins that call.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { get, newId, person, URL_BASE } from './api.mjs'
import { noBrowser, withPage } from './browser.mjs'

test('the page at /api/docs/ shows the description and runs a call', { skip: noBrowser }, async () => {
	const { body: { paths } } = await get('/openapi.json')
	await withPage(async (page, complaints) => {
		await page.goto(`${URL_BASE}/docs/`)
		await page.locator('.opblock-tag').first().waitFor()
		assert.equal(await page.locator('#login').isVisible(), false, 'in the open demo nobody logs in')
		const tags = page.locator('.opblock-tag')
		for (let i = 0; i < await tags.count(); i++) await tags.nth(i).click()
		await page.locator('#operations-service-health_by_get').waitFor()
		const operations = Object.values(paths).reduce((n, methods) => n + Object.keys(methods).length, 0)
		assert.equal(await page.locator('.opblock').count(), operations)

		const health = page.locator('#operations-service-health_by_get')
		await health.locator('.opblock-summary-control').first().click()
		await health.getByRole('button', { name: 'Try it out' }).click()
		await health.getByRole('button', { name: 'Execute' }).click()
		await health.locator('.live-responses-table').getByText('"status": "ok"').waitFor()
		assert.deepEqual(complaints, [])
	})
})

// What a page's script does: a patient's life, with headers that need a preflight and headers of the answers that it reads.
async function life([base, row]) {
	const json = { 'Content-Type': 'application/json' }
	const created = await fetch(`${base}/patients`, { method: 'POST', headers: { ...json, 'X-Reason': 'a test' }, body: JSON.stringify(row) })
	const { id } = await created.json()
	const listed = await fetch(`${base}/patients?id=eq.${id}`, { headers: { Prefer: 'count=exact' } })
	const changed = await fetch(`${base}/patients/${id}/`, { method: 'PATCH', headers: { ...json, 'If-Match': created.headers.get('ETag') }, body: '{"age":46}' })
	const refused = await fetch(`${base}/patients`, { method: 'POST', headers: json, body: '{}' })
	const faults = (await refused.json()).details
	const deleted = await fetch(`${base}/patients/${id}/`, { method: 'DELETE' })
	return {
		created: created.status, location: created.headers.get('Location'), range: listed.headers.get('Content-Range'), changed: changed.status, refused: refused.status, faults: faults.length,
		deleted: deleted.status, request: listed.headers.get('X-Request-Id')?.length, id,
	}
}

// Serves an empty page on a port of its own, on which the task runs.
async function servingPages(task) {
	const server = createServer((request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>app</title>'))
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
	try {
		await task(server.address().port)
	} finally {
		server.close()
		server.closeAllConnections()
	}
}

test('a page on another port of this machine reads and writes', { skip: noBrowser }, () => servingPages((port) => withPage(async (page) => {
	for (const origin of [`http://localhost:${port}`, `http://127.0.0.1:${port}`]) {
		await page.goto(origin)
		const seen = await page.evaluate(life, [URL_BASE, person({ patient_id: newId() })])
		assert.deepEqual(seen, { created: 201, location: `/api/patients/${seen.id}/`, range: '0-0/1', changed: 200, refused: 400, faults: seen.faults, deleted: 204, request: 32, id: seen.id })
		assert.ok(seen.faults >= 3)
	}
})))

test('a page of another site neither reads nor writes', { skip: noBrowser }, () => servingPages((port) => withPage(async (page) => {
	await page.goto(`http://app.example.test:${port}/`)
	const patientId = newId()
	const refusals = await page.evaluate(async ([base, row]) => {
		const tries = [[`${base}/patients`, {}], [`${base}/patients`, { method: 'POST', body: JSON.stringify(row) }], [`${base}/patients`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(row) }]]
		return Promise.all(tries.map(([address, options]) => fetch(address, options).then((answer) => answer.status, (error) => error.name)))
	}, [URL_BASE, person({ patient_id: patientId })])
	assert.deepEqual(refusals, ['TypeError', 'TypeError', 'TypeError'])
	assert.deepEqual((await get(`/patients?patient_id=eq.${patientId}`)).body, [])
}, {}, ['--host-resolver-rules=MAP app.example.test 127.0.0.1'])))
