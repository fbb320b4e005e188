/** Compressed archives: damaged, stacked, and small ones that become large. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { makeTar, tarEntry } from '../../integration/kernel/tar-maker.ts'
import { Collection, type HostileTar, MARK, REFUSED, dir, file } from './hostile-tar.ts'

const plain = makeTar(dir('d'), file('d/f', { content: 'x'.repeat(3000) }))
const half = plain.length / 2
const pipe = (program: string, input: Buffer, ...args: string[]): Buffer =>
  spawnSync(program, ['-c', ...args], { input, maxBuffer: 1 << 30 }).stdout
const gzip = gzipSync(plain)
const zstd = zstdCompressSync(plain)
const flip = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 0x55
  return copy
}
/** A zstd frame that may be skipped: anything at all in it. */
const skippable = (content: Buffer): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(0x184d2a53, 0)
  head.writeUInt32LE(content.length, 4)
  return Buffer.concat([head, content])
}
/** One raw block in a frame that asks for a window of `2 ** log` bytes (RFC 8878, 3.1.1.1.2). */
const window = (log: number): Buffer =>
  Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3]),
    Buffer.from([((plain.length << 3) | 1) & 0xff, (plain.length >> 5) & 0xff, plain.length >> 13]),
    plain,
  ])

const packed = new Collection('compressed archives')

packed
  .add('gzip-good', gzip)
  .add(
    'gzip-two-members',
    Buffer.concat([gzipSync(plain.subarray(0, half)), gzipSync(plain.subarray(half))]),
  )
  .add('gzip-empty-members', Buffer.concat([gzipSync(''), gzipSync(''), gzip, gzipSync('')]))
  .add('gzip-garbage-after', Buffer.concat([gzip, Buffer.from('garbage')]), REFUSED)
  .add('gzip-zeros-after', Buffer.concat([gzip, Buffer.alloc(1024)]))
  .add(
    'gzip-member-after-zeros',
    Buffer.concat([gzip, Buffer.alloc(64), gzipSync(makeTar(file(MARK)))]),
  )
  .add('gzip-cut', gzip.subarray(0, gzip.length - 12), REFUSED)
  .add('gzip-cut-in-trailer', gzip.subarray(0, gzip.length - 3), REFUSED)
  .add('gzip-cut-in-header', gzip.subarray(0, 7), REFUSED)
  .add('gzip-checksum', flip(gzip, gzip.length - 6), REFUSED)
  .add('gzip-length', flip(gzip, gzip.length - 2), REFUSED)
  .add('gzip-flags', flip(gzip, 3), REFUSED)
  .add(
    'gzip-name-unending',
    Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]), Buffer.alloc(100_000, 'n')]),
    REFUSED,
  )
  .add('gzip-in-gzip', gzipSync(gzip), REFUSED)
  .add('gzip-of-nothing', gzipSync(''))
  .add('zlib-without-gzip', deflateSync(plain), REFUSED)
  .add('deflate-raw', deflateRawSync(plain), REFUSED)
  .add('zip', Buffer.concat([Buffer.from('PK\x03\x04'), deflateRawSync(plain)]), REFUSED)
  .add('zstd-good', zstd)
  .add(
    'zstd-two-frames',
    Buffer.concat([
      zstdCompressSync(plain.subarray(0, half)),
      zstdCompressSync(plain.subarray(half)),
    ]),
  )
  .add(
    'zstd-skippable-between',
    Buffer.concat([
      zstdCompressSync(plain.subarray(0, half)),
      skippable(Buffer.from(MARK)),
      zstdCompressSync(plain.subarray(half)),
    ]),
  )
  .add('zstd-skippable-after', Buffer.concat([zstd, skippable(Buffer.alloc(5000, 'x'))]))
  .add(
    'zstd-skippable-cut',
    Buffer.concat([zstd, skippable(Buffer.alloc(50)).subarray(0, 20)]),
    REFUSED,
  )
  .add('zstd-garbage-after', Buffer.concat([zstd, Buffer.from('garbage')]), REFUSED)
  .add('zstd-cut', zstd.subarray(0, zstd.length - 4), REFUSED)
  .add('zstd-cut-in-header', zstd.subarray(0, 5), REFUSED)
  .add('zstd-damaged', flip(zstd, Math.floor(zstd.length / 2)), REFUSED)
  .add(
    'zstd-block-reserved',
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 5, 0x07 | (5 << 3), 0, 0, 1, 2, 3, 4, 5]),
    REFUSED,
  )
  .add('zstd-window-64m', window(26))
  .add('zstd-window-2g', window(31), REFUSED)
  .add('zstd-window-most', window(41), REFUSED)
  .add(
    'zstd-dictionary',
    Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x21, 0x07, 5, (5 << 3) | 1, 0, 0]),
      Buffer.from('hello'),
    ]),
    REFUSED,
  )
  .add('xz-good', () => pipe('xz', plain))
  .add('xz-two-streams', () =>
    Buffer.concat([pipe('xz', plain.subarray(0, half)), pipe('xz', plain.subarray(half))]),
  )
  .add('xz-cut', () => pipe('xz', plain).subarray(0, -10), REFUSED)
  .add('xz-damaged', () => flip(pipe('xz', plain), 40), REFUSED)
  .add(
    'xz-garbage-after',
    () => Buffer.concat([pipe('xz', plain), Buffer.from('garbage!')]),
    REFUSED,
  )
  .add(
    'xz-dictionary-1g',
    () => withDictionary(pipe('xz', plain, '--lzma2=dict=64KiB', '--check=none'), 36),
    REFUSED,
  )
  .add('bzip2-good', () => pipe('bzip2', plain))
  .add('bzip2-two-streams', () =>
    Buffer.concat([pipe('bzip2', plain.subarray(0, half)), pipe('bzip2', plain.subarray(half))]),
  )
  .add('bzip2-cut', () => pipe('bzip2', plain).subarray(0, -6), REFUSED)
  .add('bzip2-damaged', () => flip(pipe('bzip2', plain), 30), REFUSED)
  .add(
    'bzip2-garbage-after',
    () => Buffer.concat([pipe('bzip2', plain), Buffer.from('garbage')]),
    REFUSED,
  )

/** The dictionary size is one byte of the block header: 36 stands for 1 GiB. Checksum made again. */
function withDictionary(xz: Buffer, size: number): Buffer {
  const start = 12
  const length = ((xz[start] ?? 0) + 1) * 4
  const block = Buffer.from(xz.subarray(start, start + length - 4))
  const at = block.indexOf(Buffer.from([0x21, 0x01])) + 2
  block[at] = size
  return Buffer.concat([xz.subarray(0, start), block, crc32(block), xz.subarray(start + length)])
}

function crc32(bytes: Buffer): Buffer {
  // The trailer of a gzip member begins with it.
  const member = gzipSync(bytes)
  return member.subarray(member.length - 8, member.length - 4)
}

const LARGE = 256 << 20
const bombs = new Collection('decompression bombs (CVE-2023-25153)')

/** One file of zeros of `size` bytes, made by the program itself without holding it. */
function bomb(size: number, compress: string): Buffer {
  const head = tarEntry({ name: 'zeros', size }).toString('base64')
  const script = `(printf %s ${head} | base64 -d; head -c ${size} /dev/zero; head -c 1024 /dev/zero) | ${compress}`
  return spawnSync('sh', ['-c', script], { maxBuffer: 1 << 30 }).stdout
}

bombs
  .add('bomb-gzip', () => bomb(LARGE, 'gzip -1'), { ...REFUSED, long: true })
  .add('bomb-zstd', () => bomb(LARGE, 'zstd -1 -c'), { ...REFUSED, long: true })
  .add('bomb-xz', () => bomb(LARGE, 'xz -0 -c'), { ...REFUSED, long: true })
  .add('bomb-bzip2', () => bomb(LARGE, 'bzip2 -c'), { ...REFUSED, long: true })
  .add(
    'bomb-after-end',
    () => gzipSync(Buffer.concat([plain, Buffer.alloc(256 << 20)]), { level: 1 }),
    { long: true },
  )

export const packedArchives: readonly HostileTar[] = packed.cases
export const bombArchives: readonly HostileTar[] = bombs.cases

/** Seed of what is random and must come again. */
export function seedOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32LE(0)
}
