import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { chunksOf } from './chunks-of.ts'

const large = { highWaterMark: 1 << 20 }

test('chunks are those that were pushed, however many are buffered', async () => {
  const stream = new PassThrough(large)
  const pushed = ['a', 'bc', 'def'].map((text) => Buffer.from(text))
  for (const chunk of pushed) stream.write(chunk)
  stream.end()
  const seen: Buffer[] = []
  for await (const chunk of chunksOf(stream)) {
    seen.push(chunk)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(seen.length === 3 && seen.every((chunk, at) => chunk === pushed[at]))
})

test('a failure comes after what was there before it', async () => {
  const stream = Readable.from(
    (function* () {
      yield Buffer.from('a')
      throw new Error('cut')
    })(),
    { objectMode: false },
  )
  const seen: string[] = []
  const all = async (): Promise<void> => {
    for await (const chunk of chunksOf(stream)) seen.push(chunk.toString())
  }
  await assert.rejects(all, /cut/)
  assert.deepEqual(seen, ['a'])
})

test('a stream that was destroyed before or meanwhile ends with an error', async () => {
  const stream = new PassThrough(large)
  const first = chunksOf(stream).next()
  stream.destroy()
  await assert.rejects(first, /Premature close/)
  await assert.rejects(chunksOf(stream).next(), /Premature close/)
})

test('whoever leaves early ends the stream', async () => {
  const stream = new PassThrough(large)
  stream.write('a')
  for await (const chunk of chunksOf(stream)) {
    assert.equal(chunk.toString(), 'a')
    break
  }
  assert.ok(stream.destroyed)
})
