import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureOf, makeWorld, settled } from './testing/fakes.ts'

test('verbs that waited for a removal find nothing to act on', async () => {
  await using world = makeWorld()
  const { backend } = world.containers
  const gone = { force: true, volumes: false, link: false }
  const removal = 'conflict: container is marked for removal and cannot be started'
  const verbs: ReadonlyArray<[() => Promise<unknown>, string]> = [
    [() => backend.start('web', {}), removal],
    [
      () => backend.restart('web', {}),
      `system: Cannot restart container web: ${removal.slice(10)}`,
    ],
    [() => backend.rename('web', 'other'), 'notFound: No such container: web'],
  ]
  for (const [verb, sentence] of verbs) {
    await world.create({}, 'web')
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    world.kernel.native.removeTree = () => gate
    const removing = backend.remove('web', gone)
    await settled()
    const failure = failureOf(verb())
    open()
    assert.equal(await failure, sentence)
    await removing
    assert.deepEqual(await backend.list(everything), [])
  }
  // Names went with them.
  await world.create({}, 'other')
  await world.create({}, 'web')
})

const everything = { all: true, limit: 0, size: false, filters: new Map(), version: '1.51' }
