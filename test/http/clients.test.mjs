// Client libraries that people use with PostgREST, against this gateway as they come.
import { before, test } from 'node:test'
import assert from 'node:assert/strict'
import { call, loadCodes, newId, patient, person, URL_BASE } from './api.mjs'
import { without } from './npm.mjs'

before(loadCodes)

test('postgrest-js inserts, reads, changes and deletes', { skip: without('@supabase/postgrest-js') }, async () => {
	const { PostgrestClient } = await import('@supabase/postgrest-js')
	const db = new PostgrestClient(URL_BASE)

	const created = await db.from('patients').insert(person({ name: 'Postgrest Js' })).select()
	assert.equal(created.error, null)
	assert.equal(created.data.length, 1, 'insert().select() gives an array, also for one object')
	const [{ id }] = created.data
	const single = await db.from('patients').insert(person()).select('id,name').single()
	assert.equal(single.data.name, 'Test Person')
	const silent = await db.from('patients').insert(person())
	assert.deepEqual([silent.status, silent.error], [201, null])
	const several = await db.from('patients').insert([person(), person()]).select()
	assert.equal(several.data.length, 2)

	const diagnoses = await db.from('diagnoses').insert([{ patient_id: id, code: 'e119' }, { patient_id: id, code: 'E11.99999' }]).select('code,status')
	assert.deepEqual(diagnoses.data.map(({ status }) => status), ['valid', 'invalid'])

	const found = await db.from('patients').select('name,diagnoses(code)', { count: 'exact' }).eq('id', id).maybeSingle()
	assert.equal(found.data.diagnoses.length, 2)
	const page = await db.from('patients').select('id', { count: 'exact' }).order('created_at', { ascending: false }).range(0, 1)
	assert.equal(page.data.length, 2)
	assert.ok(page.count >= 5)
	const counted = await db.from('patients').select('*', { count: 'exact', head: true })
	assert.equal(counted.count, page.count)
	const none = await db.from('patients').select().eq('patient_id', newId()).maybeSingle()
	assert.deepEqual([none.data, none.error], [null, null])
	const words = await db.from('patients').select('name').or(`name.ilike.*js*,patient_id.eq.${newId()}`).limit(1)
	assert.equal(words.data[0].name, 'Postgrest Js')

	const changed = await db.from('patients').update({ age: 46 }).eq('id', id).select().single()
	assert.equal(changed.data.age, 46)
	const stale = await db.from('patients').update({ age: 47, version: 1 }).eq('id', id).select()
	assert.equal(stale.status, 409)

	const { error } = await db.from('patients').insert({ name: '', age: 200, gender: 'x', patient_id: newId() }).select()
	assert.equal(error.code, '22023')
	assert.deepEqual(error.details.map(({ field }) => field).sort(), ['age', 'gender', 'name'])

	const gone = await db.from('diagnoses').delete().eq('patient_id', id).select('id')
	assert.equal(gone.data.length, 2)
	assert.equal((await db.from('patients').delete().eq('id', id)).error, null)

	const suggested = await db.rpc('suggest', { code_system: 'ICD-10-CM', display: 'diabetis', max: 3 })
	assert.match(suggested.data[0].code, /^E11/)
	const read = await db.rpc('validate_code', { code_system: 'ICD-10-CM', code: 'e119' }, { get: true }).single()
	assert.equal(read.data.result, 'valid')
	const chained = await db.rpc('suggest', { code_system: 'ICD-10-CM', display: 'asthma' }).select('code').limit(1)
	assert.deepEqual(Object.keys(chained.data[0]), ['code'])
	const csv = await db.from('patients').select('name').limit(1).csv()
	assert.match(csv.data, /^name\n/)
})

test('react-admin lists, shows, creates, edits and deletes by ra-data-postgrest', { skip: without('@raphiniert/ra-data-postgrest', 'ra-core') }, async () => {
	const { default: postgrest, defaultPrimaryKeys, defaultSchema } = (await import('@raphiniert/ra-data-postgrest')).default
	const { fetchUtils } = await import('ra-core')
	const provider = postgrest({ apiUrl: URL_BASE, httpClient: fetchUtils.fetchJson, defaultListOp: 'eq', primaryKeys: defaultPrimaryKeys, schema: defaultSchema })
	const everything = { pagination: { page: 1, perPage: 2 }, sort: { field: 'created_at', order: 'DESC' }, filter: {} }

	const { data: created } = await provider.create('patients', { data: person({ name: 'React Admin' }) })
	assert.equal(created.name, 'React Admin')
	const other = await patient()
	const list = await provider.getList('patients', everything)
	assert.equal(list.data.length, 2)
	assert.ok(list.total >= 2)
	const filtered = await provider.getList('patients', { ...everything, filter: { 'name@ilike': 'react' } })
	assert.ok(filtered.data.every(({ name }) => /react/i.test(name)))
	assert.equal((await provider.getOne('patients', { id: created.id })).data.id, created.id)
	assert.equal((await provider.getMany('patients', { ids: [created.id, other.id] })).data.length, 2)

	const { data: diagnosis } = await provider.create('diagnoses', { data: { patient_id: created.id, code: 'e119' } })
	assert.equal(diagnosis.code, 'E11.9')
	const reference = await provider.getManyReference('diagnoses', { ...everything, target: 'patient_id', id: created.id })
	assert.deepEqual(reference.data.map(({ id }) => id), [diagnosis.id])

	const { data: updated } = await provider.update('patients', { id: created.id, data: { ...created, age: 46 }, previousData: created })
	assert.equal(updated.age, 46)
	await assert.rejects(provider.update('patients', { id: created.id, data: { age: 999 }, previousData: updated }), (error) => {
		assert.equal(error.status, 400)
		assert.deepEqual(error.body.details.map(({ field }) => field), ['age'])
		return true
	})
	const many = await provider.updateMany('patients', { ids: [created.id, other.id], data: { age: 50 } })
	assert.equal(many.data.length, 2)
	assert.equal((await provider.delete('diagnoses', { id: diagnosis.id, previousData: diagnosis })).data.id, diagnosis.id)
	assert.equal((await provider.deleteMany('patients', { ids: [created.id, other.id] })).data.length, 2)
	assert.equal((await call('GET', `/patients?id=in.(${created.id},${other.id})`)).body.length, 0)
})
