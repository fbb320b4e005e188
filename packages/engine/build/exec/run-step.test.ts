import assert from 'node:assert/strict'
import { test } from 'node:test'
import { removeLeftContainers, stepName } from './run-step.ts'

test('what a crash left is removed, and not what a build has begun meanwhile', async () => {
  const own = stepName()
  const removed: string[] = []
  const forgotten: unknown[] = []
  const ctx = {
    store: {
      all: () => [{ name: 'build-of-another-life' }, { name: own }],
      write: async (statements: readonly unknown[]) => void forgotten.push(...statements),
    },
    containers: { remove: async (name: string) => void removed.push(name) },
  }
  await removeLeftContainers(ctx as unknown as Parameters<typeof removeLeftContainers>[0])
  assert.deepEqual(removed, ['build-of-another-life'])
  assert.equal(forgotten.length, 1)
})
