import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'node:test'
import type { CachePruneOptions } from '../build-backend.ts'
import { CacheCollector } from './collector.ts'

const policy = (maxUsedSpace: number): CachePruneOptions => ({
  all: false,
  filters: new Map(),
  reservedSpace: 0,
  maxUsedSpace,
  minFreeSpace: 0,
})

test('one round at a time; what comes meanwhile is one more, and a failure ends nothing', async () => {
  const pruned: number[] = []
  const failures: unknown[] = []
  let atOnce = 0
  const collector = new CacheCollector({
    policies: [policy(1), policy(2)],
    prune: async ({ maxUsedSpace }) => {
      assert.equal(++atOnce, 1)
      await delay(2)
      atOnce--
      pruned.push(maxUsedSpace)
      if (maxUsedSpace === 1) throw new Error('no')
    },
    failed: (error) => failures.push(error),
  })
  for (let i = 0; i < 10; i++) collector.wake()
  for (let waited = 0; pruned.length < 2 && waited < 10_000; waited += 5) await delay(5)
  for (let i = 0; i < 10; i++) collector.wake()
  for (let waited = 0; pruned.length < 4 && waited < 10_000; waited += 5) await delay(5)
  await collector.close()
  assert.deepEqual(pruned, [1, 2, 1, 2])
  assert.equal(failures.length, 2)
  collector.wake()
  await delay(20)
  assert.equal(pruned.length, 4)
})

test('without a policy nothing is collected', async () => {
  const collector = new CacheCollector({
    policies: [],
    prune: async () => assert.fail(),
    failed: () => assert.fail(),
  })
  collector.wake()
  await collector.close()
})
