import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { FakeNative } from '@tdocker/kernel/fake-native.ts'
import { parallelGzip } from './parallel-gzip.ts'

const MIB = 1024 * 1024
/** zlib's, in its place. */
const deflate = new FakeNative().native.deflateBlock

async function* cut(data: Buffer, piece: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += piece) yield data.subarray(at, at + piece)
}

async function gzip(data: Buffer, piece: number = MIB, threads?: number): Promise<Buffer> {
  const o = { deflate, ...(threads !== undefined && { threads }) }
  return collect(parallelGzip(cut(data, piece), o))
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return Buffer.concat(pieces)
}

function text(bytes: number): Buffer {
  const lines: string[] = []
  for (let at = 0, length = 0; length < bytes; at++) {
    const line = `${at} ${(at * 2654435761) % 9973} the quick brown fox ${at % 17}\n`
    lines.push(line)
    length += line.length
  }
  return Buffer.from(lines.join('')).subarray(0, bytes)
}

const inputs: Array<[string, Buffer]> = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['a line', Buffer.from('hello, world\n')],
  ['one block exactly', text(512 * 1024)],
  ['a byte more than a block', text(512 * 1024 + 1)],
  ['zeros', Buffer.alloc(9 * MIB + 5)],
  ['text', text(7 * MIB + 11)],
  ['random bytes', randomBytes(5 * MIB + 3)],
  ['text and random bytes in turn', Buffer.concat([text(MIB), randomBytes(MIB), text(MIB + 77)])],
]

for (const [name, data] of inputs) {
  test(`${name}: what comes out is what went in`, async () => {
    const packed = await gzip(data)
    assert.ok(gunzipSync(packed).equals(data))
    execFileSync('gzip', ['-t'], { input: packed })
    assert.ok(packed.length < data.length * 1.001 + 64, `${packed.length} bytes`)
  })
}

test('the output does not depend on how the input came or on threads', async () => {
  const data = Buffer.concat([text(3 * MIB), randomBytes(MIB), Buffer.alloc(MIB)])
  const one = await gzip(data)
  assert.ok((await gzip(data, 100_003)).equals(one))
  assert.ok((await gzip(data, data.length, 1)).equals(one))
  assert.ok((await gzip(data, 4096, 16)).equals(one))
})

test('blocks know the one before: a repeat costs little', async () => {
  const unique = randomBytes(16 * 1024)
  const repeated = Buffer.concat(Array.from({ length: 128 }, () => unique))
  // Every window looks random by its bytes, so only what is stored is taken for dense.
  const packed = await gzip(Buffer.concat([text(600 * 1024), text(600 * 1024)]))
  assert.ok(packed.length < 500 * 1024)
  assert.ok(gunzipSync(await gzip(repeated)).equals(repeated))
})

test('what fails in the source comes out, and nothing is left to fail unseen', async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield text(3 * MIB)
    throw new Error('torn')
  }
  await assert.rejects(collect(parallelGzip(broken(), { deflate })), /torn/)
})

test('a consumer that leaves ends it', async () => {
  let ended = false
  async function* endless(): AsyncGenerator<Buffer> {
    try {
      for (;;) yield text(MIB)
    } finally {
      ended = true
    }
  }
  for await (const piece of parallelGzip(endless(), { deflate })) if (piece.length > 1000) break
  assert.ok(ended)
})
