import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Semaphore } from './semaphore.ts'

const never = new AbortController().signal

test('no more than the limit, in order', async () => {
  const semaphore = new Semaphore(2)
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
  const started: number[] = []
  const all = gates.map((gate, at) =>
    semaphore.run(never, async () => {
      started.push(at)
      await gate.promise
    }),
  )
  await Promise.resolve()
  assert.deepEqual(started, [0, 1])
  assert.ok(semaphore.busy)
  gates[1]?.resolve()
  await all[1]
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(started, [0, 1, 2])
  gates.forEach((gate) => gate.resolve())
  await Promise.all(all)
  assert.deepEqual(started, [0, 1, 2, 3])
  assert.ok(!semaphore.busy)
})

test('who is aborted while waiting takes no room', async () => {
  const semaphore = new Semaphore(1)
  const gate = Promise.withResolvers<void>()
  const holder = semaphore.run(never, () => gate.promise)
  const abort = new AbortController()
  const waiting = semaphore.run(abort.signal, () => assert.fail('must not run'))
  abort.abort(new Error('left'))
  await assert.rejects(waiting, /left/)
  gate.resolve()
  await holder
  assert.equal(await semaphore.run(never, () => Promise.resolve('free')), 'free')
})

test('a failure frees its place', async () => {
  const semaphore = new Semaphore(1)
  await assert.rejects(semaphore.run(never, () => Promise.reject(new Error('x'))))
  assert.equal(await semaphore.run(never, () => Promise.resolve(1)), 1)
})

test('another limit counts for who waits, and as holders leave', async () => {
  const semaphore = new Semaphore(1)
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
  const started: number[] = []
  const all = gates.map((gate, at) =>
    semaphore.run(never, async () => {
      started.push(at)
      await gate.promise
    }),
  )
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  await turn()
  assert.deepEqual(started, [0])
  semaphore.limit = 3
  await turn()
  assert.deepEqual(started, [0, 1, 2])
  semaphore.limit = 1
  gates[0]?.resolve()
  gates[1]?.resolve()
  await turn()
  assert.deepEqual(started, [0, 1, 2], 'one still runs')
  gates[2]?.resolve()
  await turn()
  assert.deepEqual(started, [0, 1, 2, 3])
  gates[3]?.resolve()
  await Promise.all(all)
  assert.ok(!semaphore.busy)
})
