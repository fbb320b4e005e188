import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TreeWriters } from './tree-writers.ts'

test('writers of a container that does not run share one mount, closed by the last', async () => {
  const writers = new TreeWriters()
  const closed: number[] = []
  let opened = 0
  const enter = () =>
    writers.enterMounted(
      'a',
      async () => ++opened,
      (fd) => void closed.push(fd),
    )
  const [first, second] = await Promise.all([enter(), enter()])
  assert.deepEqual([first.fd, second.fd, opened], [1, 1, 1])
  first.leave()
  assert.deepEqual(closed, [])
  second.leave()
  assert.deepEqual(closed, [1])
  assert.equal((await enter()).fd, 2)
})

test('a mount that fails leaves nothing behind', async () => {
  const writers = new TreeWriters()
  const failing = async (): Promise<number> => {
    throw new Error('no mount')
  }
  await assert.rejects(
    writers.enterMounted('a', failing, () => {}),
    /no mount/,
  )
  const entered = await writers.enterMounted(
    'a',
    async () => 7,
    () => {},
  )
  assert.equal(entered.fd, 7)
})

test('settle waits for writers, and stops those that take too long', async () => {
  const writers = new TreeWriters()
  await writers.settle('a')
  const quick = writers.enterLive('a')
  const settled = writers.settle('a', 60_000)
  quick.leave()
  await settled
  const slow = writers.enterLive('a')
  slow.signal.addEventListener('abort', () => slow.leave())
  await writers.settle('a', 1)
  assert.match(String(slow.signal.reason), /started or removed/)
})

test('writers of an earlier run are stopped before the tree is mounted again', async () => {
  const writers = new TreeWriters()
  const live = writers.enterLive('a')
  live.signal.addEventListener('abort', () => live.leave())
  const entered = await writers.enterMounted(
    'a',
    async () => 7,
    () => {},
  )
  assert.ok(live.signal.aborted)
  entered.leave()
})
