import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync, gzipSync, inflateRawSync } from 'node:zlib'
import { parallelGzip } from '@tdocker/engine/content/parallel-gzip.ts'
import { loadNative } from '@tdocker/kernel/load-native.ts'

const native = loadNative()
const END = Buffer.from([3, 0])

async function roundTrip(data: Buffer, start = 0): Promise<number> {
  const made = await native.deflateBlock({ data, start })
  assert.deepEqual([...made.subarray(-4)], [0, 0, 0xff, 0xff])
  const dictionary = start > 0 ? { dictionary: data.subarray(0, start) } : {}
  const back = inflateRawSync(Buffer.concat([made, END]), dictionary)
  assert.ok(back.equals(data.subarray(start)), `${data.length} bytes from ${start}`)
  return made.length
}

/** The same on every run. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Pieces of all kinds: few or many symbols, repeats near and far, runs. */
function mixture(seed: number, size: number): Buffer {
  const random = randomOf(seed)
  const data = Buffer.alloc(size)
  for (let at = 0; at < size;) {
    const length = Math.min(size - at, 1 + random(random(3) === 0 ? 5000 : 60))
    const piece = data.subarray(at, at + length)
    const kind = random(4)
    if (kind === 0 && at > 0) {
      const from = Math.max(0, at - 1 - random(40_000))
      for (let i = 0; i < length; i++) piece[i] = data[from + i] ?? 0
    } else if (kind === 1) piece.fill(random(256))
    else for (let i = 0; i < length; i++) piece[i] = random(kind === 2 ? 256 : 1 + random(6))
    at += length
  }
  return data
}

test('any input comes back', async () => {
  for (let size = 0; size < 40; size++) await roundTrip(Buffer.alloc(size, 'ab'))
  for (let size = 0; size < 40; size++) await roundTrip(randomBytes(size))
  for (let seed = 1; seed <= 300; seed++)
    await roundTrip(mixture(seed, 1 + ((seed * 7919) % 90_000)))
})

test('any dictionary, of any length', async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const data = mixture(seed + 1000, 60_000)
    await roundTrip(data, Math.min(data.length, (seed * 331) % 32_769))
  }
  const data = randomBytes(32_768)
  assert.ok((await roundTrip(Buffer.concat([data, data]), 32_768)) < 1000, 'the farthest match')
})

test('codes of the greatest length: frequencies like Fibonacci numbers', async () => {
  const parts: Buffer[] = []
  for (let symbol = 0, a = 1, b = 1; symbol < 22; symbol++, [a, b] = [b, a + b]) {
    parts.push(Buffer.alloc(a, symbol * 11))
  }
  const data = Buffer.concat(parts)
  const random = randomOf(7)
  for (let i = data.length - 1; i > 0; i--) {
    const j = random(i + 1)
    const [x = 0, y = 0] = [data[i], data[j]]
    data[i] = y
    data[j] = x
  }
  await roundTrip(data)
})

test('what cannot be compressed costs next to nothing, zeros next to nothing', async () => {
  assert.ok((await roundTrip(randomBytes(1 << 20))) < (1 << 20) * 1.001)
  assert.ok((await roundTrip(Buffer.alloc(1 << 20))) < 6000)
})

test('a program is packed about as well as by zlib at its fastest', async () => {
  const data = readFileSync(process.execPath).subarray(0, 32 << 20)
  async function* source(): AsyncGenerator<Buffer> {
    for (let at = 0; at < data.length; at += 1 << 20) yield data.subarray(at, at + (1 << 20))
  }
  const parts: Uint8Array[] = []
  const deflate = (o: { data: Uint8Array; start: number }) => native.deflateBlock(o)
  for await (const part of parallelGzip(source(), { deflate })) parts.push(part)
  const packed = Buffer.concat(parts)
  assert.ok(gunzipSync(packed).equals(data))
  execFileSync('gzip', ['-t'], { input: packed })
  const zlib = gzipSync(data, { level: 1 }).length
  assert.ok(packed.length < zlib * 1.05, `${packed.length} against ${zlib}`)
})

test('wrong arguments', async () => {
  const data = Buffer.alloc(10)
  await assert.rejects(native.deflateBlock({ data, start: 11 }), RangeError)
  await assert.rejects(native.deflateBlock({ data: 'x' as never, start: 0 }), TypeError)
})
