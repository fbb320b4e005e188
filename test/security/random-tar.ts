/** Numbers, trees and damage that come again from a seed. */
import { type TarEntry, longName } from '../integration/kernel/tar-maker.ts'

export class Seeded {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1
  }

  /** 0 ≤ n < below; xorshift. */
  below(below: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state % below
  }

  pick<T>(list: readonly T[]): T {
    const found = list[this.below(list.length)]
    if (found === undefined) throw new Error('an empty list')
    return found
  }
}

const NAMES = ['a', 'b', 'c', 'ä', 'x y', 'n'.repeat(120), '.wh.a', '.wh..wh..opq', 'z']

/** Entries as an archive may have them: most are lawful, names meet. */
export function randomEntries(random: Seeded): TarEntry[] {
  const entries: TarEntry[] = []
  for (let left = 1 + random.below(25); left > 0; left--) {
    const depth = 1 + random.below(3)
    const name = Array.from({ length: depth }, () => random.pick(NAMES)).join('/')
    entries.push(...randomEntry(random, name))
  }
  return entries
}

function randomEntry(random: Seeded, name: string): TarEntry[] {
  const base = {
    name,
    mode: random.below(0o10000),
    uid: random.below(70_000),
    mtime: random.below(2 ** 31),
  }
  const pax =
    random.below(4) === 0
      ? {
          pax: {
            mtime: `${random.below(2 ** 31)}.${random.below(1e9)}`,
            'SCHILY.xattr.user.x': 'v',
          },
        }
      : {}
  const before = name.length > 100 ? [longName(name)] : []
  switch (random.below(8)) {
    case 0:
      return [...before, { ...base, type: '5', ...pax }]
    case 1:
      return [...before, { ...base, type: '2', link: random.pick(['a', '/b', '../c', 'a/b']) }]
    case 2:
      return [...before, { ...base, type: '1', link: random.pick(NAMES) }]
    case 3:
      return [...before, { ...base, type: '6' }]
    case 4:
      return [...before, { ...base, type: '3', dev: [1, 3] }]
    default:
      return [
        ...before,
        { ...base, ...pax, content: Buffer.alloc(random.below(3000), random.below(256)) },
      ]
  }
}

const BLOCK = 512

/** Damages a few bytes of an archive, of its order, or of its length. */
export function mutate(archive: Buffer, random: Seeded): Buffer {
  const bytes = Buffer.from(archive)
  if (bytes.length === 0) return Buffer.from([random.below(256)])
  for (let left = 1 + random.below(3); left > 0; left--) {
    const block = random.below(Math.ceil(bytes.length / BLOCK)) * BLOCK
    switch (random.below(8)) {
      case 0:
        return bytes.subarray(0, random.below(bytes.length))
      case 1:
        return Buffer.concat([
          bytes.subarray(0, block),
          bytes.subarray(Math.min(block + BLOCK, bytes.length)),
        ])
      case 2: {
        const from = random.below(Math.ceil(bytes.length / BLOCK)) * BLOCK
        bytes.copy(bytes, block, from, Math.min(from + BLOCK, bytes.length))
        break
      }
      case 3:
        bytes
          .subarray(block + random.below(BLOCK), block + BLOCK)
          .fill(random.pick([0, 0xff, 0x80, 0x37]))
        break
      default:
        for (let n = 0; n <= random.below(6); n++)
          bytes[Math.min(block + random.below(BLOCK), bytes.length - 1)] = random.below(256)
    }
    if (random.below(4) > 0) sealHeader(bytes, block)
  }
  return bytes
}

/** Makes a header's checksum right, so that the damage gets past it. */
function sealHeader(bytes: Buffer, at: number): void {
  const header = bytes.subarray(at, at + BLOCK)
  if (header.length < BLOCK || header.toString('latin1', 257, 262) !== 'ustar') return
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
}
