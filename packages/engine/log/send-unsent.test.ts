import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LogDecoder, sendUnsent } from './segment-reader.ts'

const flags = { stdout: true, stderr: true, timestamps: false, tty: false }
const REQUEST = { fd: 3, position: 0, end: 0, length: 1, socket: 4, ...flags }

/** Takes so many bytes at each call. */
function client(takes: (call: number) => number): LogDecoder & { calls: number } {
  const decoder = {
    calls: 0,
    logFrames: ({ unsent }: { unsent?: Uint8Array }) => {
      const frames = Buffer.from((unsent ?? Buffer.alloc(0)).subarray(takes(decoder.calls++)))
      return Promise.resolve({ frames, position: 0, pastUntil: false })
    },
  }
  return decoder
}

test('a client that takes nothing is asked less and less often', async () => {
  const dead = client(() => 0)
  const life = new AbortController()
  const begun = performance.now()
  const sending = sendUnsent(dead, REQUEST, Buffer.alloc(10), life.signal)
  setTimeout(() => life.abort(), 1500)
  await sending
  // 10 ms, 20, 40 and so on, however late the machine is.
  assert.ok(dead.calls <= Math.log2((performance.now() - begun) / 10) + 2, String(dead.calls))
})

test('one that takes a little each time gets all of it', async () => {
  const slow = client((call) => (call % 2 === 0 ? 1 : 0))
  await sendUnsent(slow, REQUEST, Buffer.alloc(10), new AbortController().signal)
  assert.equal(slow.calls, 19)
})
