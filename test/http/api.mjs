// What the HTTP tests share: a request, and data to send. MEDREC_URL is set by test/run.
import { randomUUID } from 'node:crypto'
import assert from 'node:assert/strict'

export const URL_BASE = process.env.MEDREC_URL ?? 'http://localhost:8080/api'

// One request. A body that is not a string or Buffer is sent as JSON; a JSON answer is parsed.
export async function call(method, path, body, headers = {}) {
	const raw = typeof body === 'string' || Buffer.isBuffer(body)
	const response = await fetch(URL_BASE + path, {
		method,
		body: body === undefined || raw ? body : JSON.stringify(body),
		headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
	})
	const text = await response.text()
	let parsed = text
	if (/json/.test(response.headers.get('content-type') ?? '') && text !== '') parsed = JSON.parse(text)
	return { status: response.status, headers: response.headers, body: parsed, text }
}

export const get = (path, headers) => call('GET', path, undefined, headers)
export const post = (path, body, headers) => call('POST', path, body, headers)
export const patch = (path, body, headers) => call('PATCH', path, body, headers)
export const del = (path, headers) => call('DELETE', path, undefined, headers)

// A patient_id that no other test uses.
export const newId = () => 'T' + randomUUID().replaceAll('-', '').slice(0, 15)

export const person = (over = {}) => ({ name: 'Test Person', age: 45, gender: 'male', patient_id: newId(), ...over })

// Creates a patient.
export async function patient(over) {
	const answer = await post('/patients', person(over))
	assert.equal(answer.status, 201, answer.text)
	return answer.body
}

// Creates a diagnosis or treatment.
export async function record(path, row) {
	const answer = await post(path, row)
	assert.equal(answer.status, 201, answer.text)
	return answer.body
}

export async function count(path) {
	const answer = await call('HEAD', path, undefined, { Prefer: 'count=exact' })
	return Number(answer.headers.get('content-range').split('/')[1])
}

// The list of faults in an error's details: an array where rows are written, its text for functions.
export function faults(answer) {
	const list = typeof answer.body.details === 'string' ? JSON.parse(answer.body.details) : answer.body.details
	assert.ok(Array.isArray(list), answer.text)
	return list
}

// Lines of a CMS order file: number, code, billable, short title, long title in their columns.
export function orderFile(rows) {
	return rows.map(([code, billable, short, long], i) =>
		`${String(i + 1).padStart(5, '0')} ${code.padEnd(7)} ${billable} ${short.padEnd(60)} ${long}\n`).join('')
}

// Codes for the tests, with their official titles. Loaded once, as a release of its own.
export const CODES = [
	['E11', 0, 'Type 2 diabetes mellitus', 'Type 2 diabetes mellitus'],
	['E119', 1, 'Type 2 diabetes mellitus without complications', 'Type 2 diabetes mellitus without complications'],
	['E1165', 1, 'Type 2 diabetes mellitus with hyperglycemia', 'Type 2 diabetes mellitus with hyperglycemia'],
	['I10', 1, 'Essential (primary) hypertension', 'Essential (primary) hypertension'],
	['J45', 0, 'Asthma', 'Asthma'],
	['J459', 0, 'Other and unspecified asthma', 'Other and unspecified asthma'],
	['J4590', 0, 'Unspecified asthma', 'Unspecified asthma'],
	['J45909', 1, 'Unspecified asthma, uncomplicated', 'Unspecified asthma, uncomplicated'],
]

export async function loadCodes() {
	const there = await get('/codes?code_system=eq.ICD-10-CM&code=in.(E11.9,J45.909)&select=code')
	assert.equal(there.status, 200, there.text)
	if (there.body.length > 0) return
	const answer = await post('/rpc/load_release', {
		code_system: 'ICD-10-CM', version: '2024', effective_from: '2023-10-01', content: orderFile(CODES),
	})
	assert.equal(answer.status, 200, answer.text)
}
