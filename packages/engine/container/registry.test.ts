import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from './container.ts'
import { Registry } from './registry.ts'
import { blankState } from './rows.ts'

function add(registry: Registry, id: string, name: string, mounted: string[] = []): Container {
  const config = { Image: 'busybox' }
  const detail = { mounts: mounted.map((source) => ({ type: 'image', source })) }
  const made = { id, name, imageId: 'sha256:1', config, detail }
  const container = { ...blankState(), ...made } as unknown as Container
  registry.reserve(name, id)
  registry.add(container)
  return container
}

test('finds by id, name with or without slash, and unique prefix', () => {
  const registry = new Registry()
  const web = add(registry, 'abcd'.repeat(16), 'web')
  const db = add(registry, 'abce'.repeat(16), 'db')
  assert.equal(registry.get(web.id), web)
  assert.equal(registry.get('web'), web)
  assert.equal(registry.get('/db'), db)
  assert.equal(registry.get('abce'), db)
  assert.throws(() => registry.get('abc'), /multiple IDs found with provided prefix: abc$/)
  assert.throws(() => registry.get('f'), /^EngineError: No such container: f$/)
  assert.throws(() => registry.get(''), /invalid name or ID supplied: ""/)
})

test('an exact name wins over an id prefix', () => {
  const registry = new Registry()
  add(registry, 'abcd'.repeat(16), 'web')
  const named = add(registry, 'ffff'.repeat(16), 'abcd')
  assert.equal(registry.get('abcd'), named)
})

test('a name is held by one, and free again when it goes', () => {
  const registry = new Registry()
  const web = add(registry, 'a'.repeat(64), 'web')
  assert.throws(
    () => registry.reserve('web', 'b'),
    /"\/web" is already in use by container "a{64}"/,
  )
  registry.delete(web)
  assert.ok(registry.isFree('web'))
  assert.ok(!registry.has(web))
})

test('an image is in use by its containers and by those being made of it', () => {
  const registry = new Registry()
  const web = add(registry, 'a'.repeat(64), 'web')
  web.state = 'running'
  {
    using _hold = registry.holdImage('b', 'sha256:1')
    assert.deepEqual(registry.usersOf('sha256:1'), [
      { id: web.id, running: true, reference: 'busybox' },
      { id: 'b', running: false },
    ])
  }
  registry.delete(web)
  assert.deepEqual(registry.usersOf('sha256:1'), [])
})

test('an image is in use by containers that mount it', () => {
  const registry = new Registry()
  const web = add(registry, 'abcd'.repeat(16), 'web', ['sha256:2', 'sha256:2'])
  assert.deepEqual(registry.usersOf('sha256:2'), [{ id: web.id, running: false, mounts: true }])
  const hold = registry.holdImage('new', 'sha256:2', { mounts: true })
  assert.equal(registry.usersOf('sha256:2').length, 2)
  hold[Symbol.dispose]()
  registry.delete(web)
  assert.deepEqual(registry.usersOf('sha256:2'), [])
})
