// With logins: the description wants a token, its page asks for an account and keeps the token in memory.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { get, URL_BASE } from './api.mjs'
import { account, client, PASSWORD, token } from './access.mjs'
import { noBrowser, withPage } from './browser.mjs'

test('without a token the description is refused, and its page is served', async () => {
	assert.equal((await get('/openapi.json')).status, 401)
	assert.equal((await get('/docs/')).status, 200)
	assert.equal((await get('/docs/../openapi.json')).status, 401)
})

test('the description is the same for each role, and says that a token is needed', async () => {
	const seen = []
	for (const role of ['auditor', 'coder']) {
		const answer = await client(await token(account(`docs-${role}`, role))).get('/openapi.json')
		assert.equal(answer.status, 200, answer.text)
		seen.push(answer.body)
	}
	assert.deepEqual(seen[0], seen[1])
	assert.deepEqual(seen[0].security, [{ token: [] }])
	assert.deepEqual(seen[0].paths['/rpc/login'].post.security, [])
})

test('the page asks for an account, shows the description and calls with its token', { skip: noBrowser }, async () => {
	account('docs-reader', 'clinician')
	await withPage(async (page) => {
		await page.goto(`${URL_BASE}/docs/`)
		await page.getByLabel('Username').fill('docs-reader')
		await page.getByLabel('Password').fill('wrong')
		await page.getByRole('button', { name: 'Log in' }).click()
		await page.getByRole('alert').filter({ hasText: /./ }).waitFor()
		await page.getByLabel('Password').fill(PASSWORD)
		await page.getByRole('button', { name: 'Log in' }).click()
		await page.locator('.opblock-tag').first().waitFor({ timeout: 60000 })
		assert.equal(await page.locator('#login').isVisible(), false)
		await page.locator('#operations-tag-records').click()
		const list = page.locator('#operations-records-list_patients')
		await list.locator('.opblock-summary-control').first().click()
		await list.getByRole('button', { name: 'Try it out' }).click()
		await list.getByRole('button', { name: 'Execute' }).click()
		await list.locator('.live-responses-table .response-col_status').getByText('200').waitFor()
		assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length), 0)
	})
})
