import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { openStore } from '../store/sqlite-store.ts'
import type { Store } from '../store/store.ts'
import { TreeSizes } from './tree-sizes.ts'

let dir: string
let store: Store
let now: number
/** Measures that were begun; the test ends them. */
let begun: Array<{ dir: string; end: (bytes: number) => void; fail: () => void }>

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sizes-'))
  store = openStore({ path: join(dir, 'state.db') })
  now = 1_000_000
  begun = []
})
afterEach(async () => {
  await store.close()
  rmSync(dir, { recursive: true })
})

const sizes = (): TreeSizes =>
  new TreeSizes({
    store,
    now: () => now,
    log: (_what, error) => assert.fail(String(error)),
    treeSize: (path) => {
      const { promise, resolve, reject } = Promise.withResolvers<{ bytes: number }>()
      begun.push({
        dir: path,
        end: (bytes) => resolve({ bytes }),
        fail: () => reject(new Error('ENOENT')),
      })
      return promise
    },
  })

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('nothing is waited for longer than asked, and what came meanwhile is told', async () => {
  const trees = sizes()
  const first = trees.within(['/a', '/b', '/c'], 300)
  await turn()
  assert.deepEqual(
    begun.map((m) => m.dir),
    ['/a', '/b'],
    'only so many at a time',
  )
  begun[0]!.end(10)
  assert.deepEqual(
    [...(await first)],
    [
      ['/a', 10],
      ['/b', undefined],
      ['/c', undefined],
    ],
  )
  // The measures go on, and are shared by those who ask again.
  const second = trees.within(['/b', '/c'], 10_000)
  begun[1]!.end(20)
  begun[2]!.end(30)
  assert.deepEqual([...(await second).values()], [20, 30])
  assert.equal(begun.length, 3)
})

test('a measure that took long is not repeated soon, and survives the daemon', async () => {
  const trees = sizes()
  const size = trees.get('/big', 1)
  await turn()
  now += 2000
  begun[0]!.end(7)
  assert.equal(await size, 7)
  now += 10_000
  assert.equal(await trees.get('/big', 1), 7)
  assert.equal(begun.length, 1)
  now += 11_000
  // Old, and said so only by being measured again.
  assert.equal(await trees.get('/big', 1), 7)
  assert.equal(begun.length, 2)
  await store.write([])
  now += 60_000
  assert.deepEqual([...(await sizes().within(['/big'], 1))], [['/big', 7]])
})

test('what cannot be read is unknown, also when it was known once', async () => {
  const trees = sizes()
  const first = trees.within(['/gone'], 1000)
  await turn()
  begun[0]!.end(5)
  assert.equal((await first).get('/gone'), 5)
  now += 1
  const second = trees.within(['/gone'], 1000)
  await turn()
  begun[1]!.fail()
  assert.equal((await second).get('/gone'), undefined)
})
