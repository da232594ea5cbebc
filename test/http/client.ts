// A client with types from /api/openapi.json. It is compiled (openapi3.test.mjs), and each line after an "expect-error" must not.
import createClient from 'openapi-fetch'
import type { components, paths } from './medrec.js'

type Patient = components['schemas']['Patient']

const api = createClient<paths>({ baseUrl: 'http://localhost:8080/api', headers: { Authorization: 'Bearer a.b.c' } })

export async function flow(): Promise<string> {
	const created = await api.POST('/patients', { body: { name: 'Ada Moreau', age: 64, gender: 'female', patient_id: 'P-1042' } })
	if (created.error) return `${created.error.code}: ${created.error.message} ${created.error.hint ?? ''}`
	const patient: Patient | Patient[] = created.data
	if (Array.isArray(patient)) return ''
	const born: string | null = patient.birth_date

	const listed = await api.GET('/patients', { params: { query: { age: 'gte.60', order: 'name.asc', limit: 20 } } })
	const names: string[] = (listed.data ?? []).map((row) => row.name)

	const suggested = await api.POST('/rpc/suggest', { body: { code_system: 'ICD-10-CM', display: 'diabetis', context: { age: 64, gender: 'female' } } })
	const best: number | undefined = suggested.data?.[0]?.score

	const validated = await api.GET('/rpc/validate_code', { params: { query: { code_system: 'ICD-10-CM', code: 'e119' } } })
	for (const row of validated.data ?? []) for (const issue of row.issues) console.log(issue.severity, issue.text)

	const visit = await api.POST('/rpc/record_visit', { body: { visit: { patient: { patient_id: 'P-1042' }, diagnoses: [{ code: 'E11.9' }] } } })
	const codes: string[] = (visit.data?.diagnoses ?? []).map((diagnosis) => diagnosis.code)

	const login = await api.POST('/rpc/login', { body: { username: 'ann', password: 'correct horse battery' } })
	return [born, ...names, best, ...codes, login.data?.token].join()
}

export async function wrong(): Promise<void> {
	// @ts-expect-error a gender that there is not
	await api.POST('/patients', { body: { name: 'A', age: 1, gender: 'cat', patient_id: 'x' } })
	// @ts-expect-error no name
	await api.POST('/patients', { body: { age: 1, gender: 'male', patient_id: 'x' } })
	// @ts-expect-error codes are read only
	await api.POST('/codes', { body: { code: 'A00' } })
	// @ts-expect-error no such function
	await api.POST('/rpc/nonsense', { body: {} })
}

type Arguments = NonNullable<paths['/rpc/suggest']['post']['requestBody']>['content']['application/json']

// @ts-expect-error an argument that there is not
export const noArgument: Arguments = { code_system: 'ICD-10-CM', words: 'x' }
// @ts-expect-error a column that medrec sets
export const noColumn: components['schemas']['PatientChange'] = { last_visit: '2026-01-01T00:00:00Z' }
