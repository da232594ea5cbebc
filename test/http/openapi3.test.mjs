// The description at /api/openapi.json: it is valid, says what is there and nothing else, and requests and answers are as it says.
import { before, test } from 'node:test'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { call, del, get, loadCodes, newId, patch, patient, person, post, record, URL_BASE } from './api.mjs'
import { place, without } from './npm.mjs'

const run = promisify(execFile)
const METHODS = ['get', 'post', 'put', 'patch', 'delete']
let description
let validator

before(async () => {
	const answer = await get('/openapi.json')
	assert.equal(answer.status, 200, answer.text)
	description = answer.body
	if (without('ajv', 'ajv-formats')) return
	const { default: { default: Ajv } } = await import('ajv/dist/2020.js')
	const { default: { default: addFormats } } = await import('ajv-formats')
	validator = addFormats(new Ajv({ strict: false, allErrors: true }))
	validator.addSchema({ $id: 'medrec', ...description })
})

const operations = () => Object.entries(description.paths).flatMap(([path, methods]) =>
	METHODS.filter((method) => methods[method]).map((method) => ({ path, method, what: methods[method] })))

// Fails where a value is not what the schema at a place of the description says.
function fits(value, place, what) {
	const check = validator.getSchema(`medrec#${place}`) ?? validator.compile({ $ref: `medrec#${place}` })
	assert.ok(check(value), `${what}: ${JSON.stringify(check.errors)} in ${JSON.stringify(value).slice(0, 500)}`)
}
const pointer = (...parts) => parts.map((part) => '/' + String(part).replaceAll('~', '~0').replaceAll('/', '~1')).join('')
const answerOf = (path, method, status = '200') => encodeURI(pointer('paths', path, method, 'responses', status, 'content', 'application/json', 'schema'))

test('the description is OpenAPI 3.1, by GET alone, at the address of the server that answers', async () => {
	assert.match(description.openapi, /^3\.1\./)
	assert.match(description.info.version, /^\d+\.\d+/)
	assert.equal(description.servers[0].url, '/api')
	const head = await call('HEAD', '/openapi.json')
	assert.equal(head.status, 200)
	assert.match(head.headers.get('content-type'), /^application\/json/)
	assert.equal((await post('/openapi.json', {})).status, 405)
	assert.deepEqual((await get('/rpc/openapi')).body, description)
})

test('a linter of OpenAPI finds nothing', { skip: without('@redocly/cli') }, async () => {
	const folder = await mkdtemp(join(tmpdir(), 'medrec-openapi-'))
	try {
		await writeFile(join(folder, 'openapi.json'), JSON.stringify(description, null, '\t'))
		const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', CI: 'true' }
		const { stdout } = await run(process.execPath, [place('@redocly/cli/bin/cli.js'), 'lint', join(folder, 'openapi.json'), '--format=json'],
			{ env, cwd: folder, maxBuffer: 1 << 24 }).catch((error) => error)
		const result = JSON.parse(stdout)
		assert.deepEqual(result.problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} at ${location[0]?.pointer}`), [])
	} finally {
		await rm(folder, { recursive: true })
	}
})

test('a client whose types are generated from the description compiles, and only a right one does', { skip: without('openapi-typescript', 'typescript', 'openapi-fetch') }, async () => {
	const { default: generate, astToString } = await import('openapi-typescript')
	const { default: ts } = await import('typescript')
	const types = astToString(await generate(structuredClone(description)))
	const client = new URL('client.ts', import.meta.url).pathname
	const generated = new URL('medrec.d.ts', import.meta.url).pathname
	const options = { strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, skipLibCheck: true, types: [] }
	const host = ts.createCompilerHost(options)
	const read = host.readFile, exists = host.fileExists, source = host.getSourceFile
	host.readFile = (name) => (name === generated ? types : read(name))
	host.fileExists = (name) => name === generated || exists(name)
	host.getSourceFile = (name, ...rest) => (name === generated ? ts.createSourceFile(name, types, ts.ScriptTarget.ES2022) : source(name, ...rest))
	const program = ts.createProgram([client], options, host)
	const problems = ts.getPreEmitDiagnostics(program).map((d) => `${d.file?.fileName}:${d.start}: ${ts.flattenDiagnosticMessageText(d.messageText, '\n')}`)
	assert.deepEqual(problems, [])
})

test('every operation has a name of its own, text, a tag that is described, and the errors that may come', () => {
	const all = operations()
	assert.ok(all.length > 40)
	const names = all.map(({ what }) => what.operationId)
	assert.deepEqual(names.filter((name, i) => names.indexOf(name) !== i), [])
	const tags = description.tags.map(({ name }) => name)
	for (const { path, method, what } of all) {
		assert.ok(what.summary && what.description, `${method} ${path}`)
		assert.ok(what.tags.every((tag) => tags.includes(tag)), `${method} ${path}`)
		for (const status of ['400', '401', '403', '404']) assert.ok(what.responses[status], `${method} ${path} ${status}`)
	}
	assert.deepEqual(all.filter(({ what }) => what.tags.includes('other')).map(({ path }) => path), [], 'each path of medrec has a tag')
})

test('every column, argument and answer is typed', () => {
	const untyped = []
	const look = (schema, where) => {
		if (schema.$ref || schema.anyOf || schema.oneOf || schema.enum || 'const' in schema) return
		if (!schema.type) untyped.push(where)
		for (const [name, property] of Object.entries(schema.properties ?? {})) look(property, `${where}.${name}`)
		if (schema.type === 'array') look(schema.items ?? {}, `${where}[]`)
	}
	for (const [name, schema] of Object.entries(description.components.schemas)) look(schema, name)
	for (const { path, method, what } of operations()) {
		const body = what.requestBody?.content?.['application/json']?.schema
		if (body) look(body, `${method} ${path}`)
		for (const { name, schema, content } of what.parameters ?? []) if (name) look(schema ?? content['application/json'].schema, `${method} ${path} ${name}`)
		for (const [status, answer] of Object.entries(what.responses)) {
			if (answer.content?.['application/json']) look(answer.content['application/json'].schema, `${method} ${path} ${status}`)
		}
	}
	assert.deepEqual(untyped, [])
})

test('it describes the paths and methods that PostgREST says there are', async () => {
	const { paths } = (await get('/')).body
	// a computed column of a row of patients, and what only the gateway calls
	for (const path of Object.keys(paths)) if (path === '/rpc/current_age' || /Not to be called/.test(JSON.stringify(paths[path]))) delete paths[path]
	const theirs = Object.entries(paths).flatMap(([path, methods]) => METHODS.filter((method) => methods[method] && path !== '/').map((method) => `${method} ${path}`))
	const ours = operations().filter(({ path }) => !path.includes('{')).map(({ path, method }) => `${method} ${path}`)
	// what answers POST only is not called by GET (405)
	const called = theirs.filter((operation) => ours.includes(operation) || !/^get \/rpc\//.test(operation))
	// each table offers all methods there, whatever rights there are
	const tables = called.filter((operation) => / \/rpc\//.test(operation) || operation.startsWith('get '))
	assert.deepEqual(tables.filter((operation) => !ours.includes(operation)), [], 'not described')
	assert.deepEqual(ours.filter((operation) => !theirs.includes(operation)), [], 'not there')
})

test('what can only be read offers no way to write', async () => {
	const written = operations().filter(({ path, method }) => !/^\/(rpc|releases)\//.test(path) && method !== 'get').map(({ path }) => path.split('/')[1])
	for (const view of ['codes', 'code_systems', 'code_releases', 'audit_events', 'archived_audit_events']) {
		assert.ok(description.paths[`/${view}`].get)
		assert.ok(!written.includes(view), view)
		assert.ok((await post(`/${view}`, {})).status >= 400)
	}
})

test('what a client must send, and no more, is required', async () => {
	const { NewPatient, NewDiagnosis, PatientChange } = description.components.schemas
	for (const [path, schema] of [['/patients', NewPatient], ['/diagnoses', NewDiagnosis]]) {
		const answer = await post(path, {})
		assert.equal(answer.status, 400)
		for (const field of schema.required) assert.match(answer.text, new RegExp(field), `${path} ${field}`)
	}
	assert.deepEqual([...NewPatient.required].sort(), ['gender', 'name', 'patient_id'])
	assert.deepEqual(NewPatient.properties.gender.enum, ['male', 'female', 'other', 'unknown'])
	assert.equal(NewPatient.properties.name.maxLength, 255)
	assert.equal(PatientChange.required, undefined)
	for (const column of ['created_at', 'updated_at', 'last_visit']) assert.ok(!(column in NewPatient.properties), column)
})

test('its examples are accepted', async () => {
	await loadCodes()
	const { NewPatient, NewDiagnosis, NewTreatment, Visit } = description.components.schemas
	const someone = await post('/patients', { ...NewPatient.examples[0], patient_id: newId() })
	assert.equal(someone.status, 201, someone.text)
	for (const [path, schema] of [['/diagnoses', NewDiagnosis], ['/treatments', NewTreatment]]) {
		const answer = await post(path, { ...schema.examples[0], patient_id: someone.body.id })
		assert.equal(answer.status, 201, answer.text)
	}
	const visit = structuredClone(Visit.examples[0])
	visit.patient.patient_id = newId()
	const answer = await post('/rpc/record_visit', { visit })
	assert.equal(answer.status, 200, answer.text)
	for (const { path, what } of operations().filter(({ method, what }) => method === 'post' && what.requestBody?.content['application/json']?.example)) {
		if (path === '/rpc/login') continue
		const called = await post(path, what.requestBody.content['application/json'].example)
		assert.equal(called.status, 200, `${path}: ${called.text}`)
	}
})

test('rows, answers and errors are what it says', { skip: without('ajv', 'ajv-formats') }, async () => {
	await loadCodes()
	const someone = await patient()
	const diagnosis = await record('/diagnoses', { patient_id: someone.id, code: 'e1165', suggestions: [{ code: 'E11.9', score: 0.5 }] })
	await record('/diagnoses', { patient_id: someone.id, code: 'E11.99999' })
	await record('/treatments', { patient_id: someone.id, code: '99213' })
	fits(someone, answerOf('/patients', 'post', '201'), 'POST of a patient')
	fits(diagnosis, answerOf('/diagnoses', 'post', '201'), 'POST of a diagnosis')
	fits((await patch(`/patients?id=eq.${someone.id}`, { age: 46 })).body, answerOf('/patients', 'patch'), 'PATCH of a patient')

	let rows = 0
	for (const { path, what } of operations().filter(({ path, method }) => method === 'get' && !path.includes('{'))) {
		if ((what.parameters ?? []).some(({ required }) => required)) continue
		const answer = await get(`${path}${path.startsWith('/rpc/') ? '' : '?limit=200'}`)
		// there may be no seal yet
		if (answer.status === 403 || (path === '/rpc/audit_checkpoint' && answer.status === 404)) continue
		assert.equal(answer.status, 200, `${path}: ${answer.text}`)
		fits(answer.body, answerOf(path, 'get'), path)
		rows += Array.isArray(answer.body) ? answer.body.length : 1
	}
	assert.ok(rows > 20)
	let single = 0
	for (const { path } of operations().filter(({ path, method }) => method === 'get' && path.endsWith('/{id}'))) {
		for (const { id } of (await get(`${path.replace('/{id}', '')}?select=id&limit=3`)).body) {
			const answer = await get(path.replace('{id}', id))
			assert.equal(answer.status, 200, `${path} ${id}: ${answer.text}`)
			fits(answer.body, answerOf(path, 'get'), path)
			single++
		}
	}
	assert.ok(single > 8)
	const replaced = await call('PUT', `/patients/${someone.id}/`, person({ patient_id: someone.patient_id }))
	fits(replaced.body, answerOf('/patients/{id}', 'put'), 'PUT of a patient')
	const called = {
		'/rpc/validate_code': { code_system: 'ICD-10-CM', code: 'E11.99999' },
		'/rpc/suggest': { code_system: 'ICD-10-CM', display: 'diabetis' },
		'/rpc/search_patients': { q: 'person' },
		'/rpc/lookup': { code_system: 'ICD-10-CM', code: 'E11.9' },
		'/rpc/descendants': { code_system: 'ICD-10-CM', code: 'E11' },
		'/rpc/subsumes': { code_system: 'ICD-10-CM', a: 'E11', b: 'E11.9' },
		'/rpc/whoami': {},
		'/rpc/check_patients': { rows: [person(), { age: 999 }] },
		'/rpc/patient_history': { patient: someone.id },
		'/rpc/confirm': { record: diagnosis.id },
		'/rpc/history': { table_name: 'patient', row_id: someone.id },
		'/rpc/as_of': { table_name: 'patient', row_id: someone.id, at: '2000-01-01T00:00:00Z' },
		'/rpc/audit_fhir': { patient: someone.id },
	}
	for (const [path, body] of Object.entries(called)) {
		const answer = await post(path, body)
		assert.equal(answer.status, 200, `${path}: ${answer.text}`)
		fits(answer.body, answerOf(path, 'post'), path)
	}
	const wrong = [await post('/patients', {}), await post('/patients', { nonsense: 1 }), await post('/patients', [1]), await get('/patients?age=eq.x'), await get('/nowhere'),
		await post('/rpc/validate_code', { code_system: 'ICD-10-CM' }), await post('/rpc/confirm', { record: newId() }), await del('/patients'), await post('/rpc/suggest', { wrong: 1 }),
		await post('/patients', { ...someone, id: undefined })]
	for (const answer of wrong) {
		assert.ok(answer.status >= 400, answer.text)
		fits(answer.body, '/components/schemas/Error', answer.text)
	}
})

test('the page at /api/docs/ and its files are served, to GET alone', async () => {
	const redirect = await fetch(`${URL_BASE}/docs`, { redirect: 'manual' })
	assert.equal(redirect.status, 308)
	assert.equal(redirect.headers.get('location'), '/api/docs/')
	const page = await get('/docs/')
	assert.equal(page.status, 200)
	assert.match(page.headers.get('content-type'), /^text\/html/)
	assert.doesNotMatch(page.headers.get('content-security-policy'), /script-src[^;]*unsafe/)
	for (const [, file] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) assert.equal((await call('HEAD', `/docs/${file}`)).status, 200, file)
	assert.equal((await get('/docs/nothing.js')).status, 404)
	assert.equal((await post('/docs/', {})).status, 405)
})
