// What the tests take from npm (package.json), where it is installed.
import { existsSync } from 'node:fs'

export const place = (name) => new URL(`node_modules/${name}`, import.meta.url).pathname

// Why a test that needs these packages is skipped; false where all are there.
export function without(...names) {
	const missing = names.filter((name) => !existsSync(place(name)))
	return missing.length > 0 && `npm's ${missing.join(', ')} not installed`
}
