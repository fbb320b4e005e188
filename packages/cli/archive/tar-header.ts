/** Headers of tar entries: POSIX ustar, extended by pax records where a value does not fit. */

export type EntryType = 'file' | 'link' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo'

export interface TarHeader {
  readonly name: string
  readonly type: EntryType
  /** Permission bits with set-id and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Seconds since 1970, perhaps with a fraction. */
  readonly mtime: number
  readonly linkName: string
  readonly major: number
  readonly minor: number
}

export const blockSize = 512

const flags: Readonly<Record<string, EntryType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
}

const flagOf: Readonly<Record<EntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}

/** The header as blocks, with a pax header before it where it needs one. */
export function encodeHeader(header: TarHeader): Buffer {
  const pax: Array<[string, string]> = []
  if (!fits(header.name, 100)) pax.push(['path', header.name])
  if (!fits(header.linkName, 100)) pax.push(['linkpath', header.linkName])
  if (header.size > 0o77777777777) pax.push(['size', String(header.size)])
  if (header.uid > 0o7777777) pax.push(['uid', String(header.uid)])
  if (header.gid > 0o7777777) pax.push(['gid', String(header.gid)])
  const mtime = Math.trunc(header.mtime)
  if (mtime < 0 || mtime > 0o77777777777) pax.push(['mtime', String(mtime)])
  const block = headerBlock(header, flagOf[header.type])
  return pax.length === 0 ? block : Buffer.concat([paxBlocks(header, pax), block])
}

function fits(text: string, room: number): boolean {
  return /^[\x20-\x7e]*$/.test(text) && text.length <= room
}

function paxBlocks(header: TarHeader, records: ReadonlyArray<[string, string]>): Buffer {
  const body = Buffer.from(records.map(([key, value]) => paxRecord(key, value)).join(''))
  const name = `PaxHeaders.0/${header.name.split('/').at(-1) ?? ''}`
  const own = { ...header, name, size: body.length, mode: 0, uid: 0, gid: 0, linkName: '' }
  return Buffer.concat([headerBlock(own, 'x'), body, Buffer.alloc(padding(body.length))])
}

/** `LENGTH key=value\n`, where LENGTH counts its own digits too. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  const size = Buffer.byteLength(rest)
  let total = size + String(size).length
  if (String(total).length !== String(size).length) total = size + String(total).length
  return `${total}${rest}`
}

function headerBlock(header: TarHeader, flag: string): Buffer {
  const block = Buffer.alloc(blockSize)
  const octal = (value: number, at: number, width: number): void => {
    const room = width - 1
    const kept = value < 0 || value >= 8 ** room ? 0 : Math.trunc(value)
    block.write(kept.toString(8).padStart(room, '0'), at)
  }
  Buffer.from(header.name).subarray(0, 100).copy(block)
  octal(header.mode, 100, 8)
  octal(header.uid, 108, 8)
  octal(header.gid, 116, 8)
  octal(header.size, 124, 12)
  octal(header.mtime, 136, 12)
  block.write('        ', 148)
  block.write(flag, 156)
  Buffer.from(header.linkName).subarray(0, 100).copy(block, 157)
  block.write('ustar\x0000', 257)
  octal(header.major, 329, 8)
  octal(header.minor, 337, 8)
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

function checksum(block: Buffer): number {
  let sum = 0
  for (const [index, byte] of block.entries()) sum += index >= 148 && index < 156 ? 32 : byte
  return sum
}

export function padding(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize
}

/** Raw flag letter and fields of a header block. Throws where it is none. */
export function decodeHeader(block: Buffer): { flag: string; header: TarHeader } {
  if (number(block, 148, 8) !== checksum(block)) throw new Error('archive/tar: invalid tar header')
  const flag = String.fromCharCode(block[156] as number)
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = isUstar ? text(block, 345, 155) : ''
  const name = text(block, 0, 100)
  return {
    flag,
    header: {
      name: prefix === '' ? name : `${prefix}/${name}`,
      type: flags[flag] ?? 'file',
      mode: number(block, 100, 8) & 0o7777,
      uid: number(block, 108, 8),
      gid: number(block, 116, 8),
      size: number(block, 124, 12),
      mtime: number(block, 136, 12),
      linkName: text(block, 157, 100),
      major: number(block, 329, 8),
      minor: number(block, 337, 8),
    },
  }
}

function text(block: Buffer, at: number, width: number): string {
  const field = block.subarray(at, at + width)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? width : end)
}

/** Octal text, or GNU's base-256 where the first bit is set. */
function number(block: Buffer, at: number, width: number): number {
  const first = block[at] as number
  if ((first & 0x80) === 0) return Number.parseInt(text(block, at, width).trim() || '0', 8) || 0
  let value = first & 0x40 ? -1n : BigInt(first & 0x7f)
  for (const byte of block.subarray(at + 1, at + width)) value = value * 256n + BigInt(byte)
  return Number(value)
}

/** Records of a pax header. */
export function parsePax(body: Buffer): Map<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(32, at)
    const length = space < 0 ? 0 : Number(body.toString('latin1', at, space))
    if (!Number.isInteger(length) || length <= space - at || at + length > body.length) {
      throw new Error('archive/tar: invalid tar header')
    }
    const record = body.toString('utf8', space + 1, at + length - 1)
    const equals = record.indexOf('=')
    records.set(record.slice(0, equals), record.slice(equals + 1))
    at += length
  }
  return records
}

/** What pax records say counts more than the header itself. */
export function applyPax(header: TarHeader, records: ReadonlyMap<string, string>): TarHeader {
  const value = (key: string, old: number): number => {
    const given = Number(records.get(key) ?? old)
    return Number.isFinite(given) ? given : old
  }
  return {
    ...header,
    name: records.get('path') ?? header.name,
    linkName: records.get('linkpath') ?? header.linkName,
    size: value('size', header.size),
    uid: value('uid', header.uid),
    gid: value('gid', header.gid),
    mtime: value('mtime', header.mtime),
  }
}
