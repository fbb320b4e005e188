import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { Inflater, compressionOf } from './inflate.ts'

async function inflate(pieces: readonly Uint8Array[]): Promise<Buffer> {
  const out: Buffer[] = []
  const inflater = new Inflater(async (chunk) => {
    await Promise.resolve()
    out.push(Buffer.from(chunk))
  })
  for (const piece of pieces) await inflater.write(piece)
  await inflater.end()
  return Buffer.concat(out)
}

function split(bytes: Buffer, size: number): Buffer[] {
  const pieces = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}

const content = Buffer.concat([randomBytes(3_000_000), Buffer.alloc(5_000_000, 'z')])
const forms: Array<[string, Buffer]> = [
  ['none', content],
  ['gzip', gzipSync(content)],
  ['zstd', zstdCompressSync(content)],
  [
    'two gzip members',
    Buffer.concat([gzipSync(content.subarray(0, 99)), gzipSync(content.subarray(99))]),
  ],
  [
    // As pzstd and zstd:chunked write them.
    'zstd frames, some to be skipped',
    Buffer.concat([
      Buffer.from('502a4d18040000001f8b0800', 'hex'),
      zstdCompressSync(content.subarray(0, 99)),
      zstdCompressSync(content.subarray(99)),
      Buffer.from('5f2a4d180000000050', 'hex').subarray(0, 8),
    ]),
  ],
]

for (const [form, bytes] of forms) {
  test(`${form} in small and large pieces`, async () => {
    assert.ok((await inflate(split(bytes, 100_000))).equals(content))
    assert.ok((await inflate([bytes])).equals(content))
    const dribble = [...split(bytes.subarray(0, 20), 1), bytes.subarray(20)]
    assert.ok((await inflate(dribble)).equals(content))
  })
}

test('less than a magic number', async () => {
  assert.equal((await inflate([])).length, 0)
  assert.deepEqual(await inflate([Buffer.from('ab')]), Buffer.from('ab'))
})

test('truncated and corrupt data', async () => {
  const gzip = gzipSync(content)
  const corrupt = Buffer.from(gzip)
  corrupt.fill(0x55, 1_000_000, 1_100_000)
  for (const bytes of [gzip.subarray(0, gzip.length - 1000), corrupt]) {
    await assert.rejects(inflate(split(bytes, 100_000)), { code: /^Z_/ })
  }
  const zstd = zstdCompressSync(content)
  await assert.rejects(inflate(split(zstd.subarray(0, zstd.length - 1000), 100_000)))
})

test('a failing sink ends it', async () => {
  for (const bytes of [content, gzipSync(content)]) {
    const inflater = new Inflater(() => Promise.reject(new Error('disk full')))
    const feed = async (): Promise<void> => {
      for (const piece of split(bytes, 100_000)) await inflater.write(piece)
      await inflater.end()
    }
    await assert.rejects(feed(), /disk full/)
  }
})

test('formats that are told but not read', async () => {
  assert.equal(compressionOf(Buffer.from('BZh9')), 'bzip2')
  assert.equal(compressionOf(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])), 'xz')
  await assert.rejects(
    inflate([Buffer.from('BZh91AY&SY')]),
    /bzip2 compressed archives are not supported/,
  )
})
