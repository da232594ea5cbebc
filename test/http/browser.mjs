// Debian's Chromium, by playwright-core, for the tests that need a real browser.
import { existsSync } from 'node:fs'
import { without } from './npm.mjs'

const CHROMIUM = '/usr/bin/chromium'

export const noBrowser = without('playwright-core') || (!existsSync(CHROMIUM) && `no ${CHROMIUM}`)

// Runs a task with a page. What the page complains of is listed in complaints: errors of scripts, of the console, of the policy of content.
export async function withPage(task, options = {}, switches = []) {
	const { chromium } = await import('playwright-core')
	// as root, or where the kernel has no user namespaces, its sandbox does not start; it sees our own pages only
	const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', ...switches] })
	try {
		const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options })
		const page = await context.newPage()
		const complaints = []
		page.on('pageerror', (error) => complaints.push(String(error)))
		page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()) })
		await task(page, complaints)
	} finally {
		await browser.close()
	}
}
