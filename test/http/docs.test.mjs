// The page of the description in a real browser: it shows every operation, and runs one.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { get, URL_BASE } from './api.mjs'
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
