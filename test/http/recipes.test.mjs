// The component of doc/recipes.md, as it is written there: compiled with the types of this server, and run in a browser.
import { before, test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { get, loadCodes, newId, patient, URL_BASE } from './api.mjs'
import { noBrowser, withPage } from './browser.mjs'
import { place, without } from './npm.mjs'

before(loadCodes)

const blocks = [...readFileSync(new URL('../../doc/recipes.md', import.meta.url), 'utf8').matchAll(/^```tsx\n(.*?)^```$/gms)].map(([, text]) => text)

test('the recipe for React compiles, finds a patient and adds a diagnosis',
	{ skip: without('react', 'react-dom', '@types/react', 'esbuild', 'typescript', 'openapi-typescript') || noBrowser }, async () => {
		assert.equal(blocks.length, 1, 'the page has one component')
		const dir = mkdtempSync(join(tmpdir(), 'medrec-recipe-'))
		try {
			symlinkSync(place(''), join(dir, 'node_modules'))
			writeFileSync(join(dir, 'app.tsx'), blocks[0])
			const { default: openapiTS, astToString } = await import('openapi-typescript')
			writeFileSync(join(dir, 'medrec.d.ts'), astToString(await openapiTS((await get('/openapi.json')).body)))
			execFileSync(process.execPath, [place('typescript/bin/tsc'), '--noEmit', '--strict', '--jsx', 'react-jsx', '--target', 'es2022', '--module', 'esnext',
				'--moduleResolution', 'bundler', '--lib', 'es2022,dom,dom.iterable', join(dir, 'app.tsx')], { stdio: 'pipe', cwd: dir })
			const { build } = await import('esbuild')
			const { outputFiles: [{ text: script }] } = await build({ entryPoints: [join(dir, 'app.tsx')], bundle: true, write: false, jsx: 'automatic', logLevel: 'silent' })

			const id = newId()
			await patient({ name: 'Reacta Component', patient_id: id })
			await withPage(async (page, complaints) => {
				const origin = new URL(URL_BASE).origin
				await page.route(`${origin}/recipe/`, (route) => route.fulfill({ contentType: 'text/html', body: `<!doctype html><div id="root"></div><script>${script.replaceAll('</script', '<\\/script')}</script>` }))
				await page.goto(`${origin}/recipe/`)
				await page.getByLabel('Search').fill(id)
				await page.getByRole('button', { name: `Reacta Component, ${id}` }).click()
				await page.getByLabel('Code').fill('e119')
				await page.getByRole('button', { name: 'Add' }).click()
				await page.getByRole('status').getByText('E11.9: valid').waitFor()
				await page.getByLabel('Code').fill('')
				await page.getByRole('button', { name: 'Add' }).click()
				await page.getByRole('status').getByText('code must not be empty').waitFor()
				assert.deepEqual(complaints.filter((text) => !/status of 400/.test(text)), [])
			})
		} finally {
			rmSync(dir, { recursive: true })
		}
	})
