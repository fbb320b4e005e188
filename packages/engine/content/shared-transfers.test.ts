import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedTransfers } from './shared-transfers.ts'

const quiet = (): { signal: AbortSignal; progress: () => void } => ({
  signal: new AbortController().signal,
  progress: () => {},
})

test('callers of one key share the work and its progress; the next one begins anew', async () => {
  const transfers = new SharedTransfers<number, string>()
  let runs = 0
  const gate = Promise.withResolvers<void>()
  const work = async (_: AbortSignal, tell: (text: string) => void): Promise<number> => {
    runs++
    await gate.promise
    tell('nearly')
    return runs
  }
  const told: string[] = []
  const a = transfers.run('k', { ...quiet(), progress: (text) => told.push(`a ${text}`) }, work)
  const b = transfers.run('k', { ...quiet(), progress: (text) => told.push(`b ${text}`) }, work)
  const other = transfers.run('other', quiet(), async () => 7)
  gate.resolve()
  assert.deepEqual(await Promise.all([a, b, other]), [1, 1, 7])
  assert.deepEqual(told, ['a nearly', 'b nearly'])
  assert.equal(await transfers.run('k', quiet(), work), 2)
})

test('one of two leaves: the work goes on; the last one ends it and waits for its end', async () => {
  const transfers = new SharedTransfers<string, never>()
  let ended = false
  const work = async (signal: AbortSignal): Promise<string> => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    await new Promise((resolve) => setTimeout(resolve, 20))
    ended = true
    throw new Error('stopped')
  }
  const [first, second] = [new AbortController(), new AbortController()]
  const a = transfers.run('k', { ...quiet(), signal: first.signal }, work)
  const b = transfers.run('k', { ...quiet(), signal: second.signal }, work)
  first.abort(new Error('a leaves'))
  await assert.rejects(a, /a leaves/)
  assert.equal(ended, false)
  second.abort(new Error('b leaves'))
  await assert.rejects(b, /b leaves/)
  assert.equal(ended, true)
})

test('a failure is told to all who wait', async () => {
  const transfers = new SharedTransfers<string, never>()
  const work = async (): Promise<string> => {
    await new Promise((resolve) => setImmediate(resolve))
    throw new Error('no')
  }
  const both = [transfers.run('k', quiet(), work), transfers.run('k', quiet(), work)]
  for (const one of both) await assert.rejects(one, /^Error: no$/)
})
