/** Writes archives that no tar program would: hostile names, wrong sizes, entries in any order. */
export interface TarEntry {
  name: string
  /** Default '0', a file. */
  type?: string
  link?: string
  content?: string | Buffer
  mode?: number
  uid?: number
  gid?: number
  mtime?: number
  dev?: readonly [number, number]
  /** Size field, when it shall lie; a negative number is written in base 256. */
  size?: number
  pax?: Readonly<Record<string, string>>
  /** Bytes written over the header before its checksum is made: what no field above can say. */
  patch?: ReadonlyArray<readonly [offset: number, bytes: string | Buffer]>
  /** Written over the right checksum. */
  checksum?: string
}

const BLOCK = 512

/** One entry with its extended header, padded. */
export function tarEntry(entry: TarEntry): Buffer {
  const parts: Buffer[] = []
  if (entry.pax !== undefined) {
    const records = Object.entries(entry.pax).map(([key, value]) => paxRecord(key, value))
    parts.push(tarEntry({ name: 'PaxHeaders/x', type: 'x', content: records.join('') }))
  }
  const content = Buffer.from(entry.content ?? '')
  parts.push(header(entry, entry.size ?? content.length), padded(content))
  return Buffer.concat(parts)
}

/** A whole archive: the entries and two zero blocks. */
export function makeTar(...entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), Buffer.alloc(2 * BLOCK)])
}

/** GNU's long name (or, with 'K', long link) before an entry. */
export function longName(name: string, type: 'L' | 'K' = 'L'): TarEntry {
  return { name: '././@LongLink', type, content: `${name}\0` }
}

function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + 1
  while (String(length).length + rest !== length) length = String(length).length + rest
  return `${length} ${key}=${value}\n`
}

function padded(content: Buffer): Buffer {
  const padding = (BLOCK - (content.length % BLOCK)) % BLOCK
  return Buffer.concat([content, Buffer.alloc(padding)])
}

function header(entry: TarEntry, size: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const number = (offset: number, length: number, value: number): void => {
    if (value < 0) {
      block.fill(0xff, offset, offset + length)
      block.writeInt32BE(value, offset + length - 4)
    } else {
      block.write(value.toString(8).padStart(length - 1, '0'), offset)
    }
  }
  block.write(entry.name, 0, 100)
  number(100, 8, entry.mode ?? 0o644)
  number(108, 8, entry.uid ?? 0)
  number(116, 8, entry.gid ?? 0)
  number(124, 12, size)
  number(136, 12, entry.mtime ?? 1_000_000_000)
  block.write(entry.type ?? '0', 156)
  block.write(entry.link ?? '', 157, 100)
  block.write('ustar\x0000', 257)
  number(329, 8, entry.dev?.[0] ?? 0)
  number(337, 8, entry.dev?.[1] ?? 0)
  for (const [offset, bytes] of entry.patch ?? []) Buffer.from(bytes).copy(block, offset)
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  if (entry.checksum !== undefined) block.write(entry.checksum, 148)
  return block
}
