/**
 * Heads of tar entries, read and written (POSIX.1-2017 pax, GNU long names). Names are bytes: these
 * strings have a character for each (`latin1`).
 */

export const BLOCK = 512

export interface TarEntry {
  name: string
  /** `0` file, `1` hard link, `2` symlink, `3` character, `4` block, `5` directory, `6` fifo. */
  type: string
  mode: number
  uid: number
  gid: number
  /** Bytes of content that follow. */
  size: number
  /** Seconds since 1970, as text: pax has fractions. */
  mtime: string
  linkname: string
  devMajor: number
  devMinor: number
  /** Extended attributes: `SCHILY.xattr.…`. */
  attributes: ReadonlyMap<string, string>
}

/** An empty file of root's, for entries of our own. */
export const NO_ENTRY: TarEntry = {
  name: '',
  type: '0',
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: '0',
  linkname: '',
  devMajor: 0,
  devMinor: 0,
  attributes: new Map(),
}

export class BadTar extends Error {}

function text(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length)
  const end = field.indexOf(0)
  return field.toString('latin1', 0, end < 0 ? length : end)
}

const BLANK = 0x20

/** Octal, or with the first bit set big-endian binary (GNU). */
function number(block: Buffer, at: number, length: number): number {
  if ((block[at]! & 0x80) === 0) {
    const field = block.subarray(at, at + length)
    let i = 0
    while (field[i] === BLANK) i++
    let value = 0
    for (let digit = field[i]! - 0x30; digit >= 0 && digit <= 7; digit = field[i]! - 0x30) {
      value = value * 8 + digit
      i++
    }
    while (field[i] === BLANK) i++
    // Up to the end of the text, or of the field.
    if (field[i]) throw new BadTar('archive/tar: invalid tar header')
    return value
  }
  let value = block[at]! & 0x7f
  for (let i = 1; i < length; i++) value = value * 256 + block[at + i]!
  if (!Number.isSafeInteger(value)) throw new BadTar('archive/tar: invalid tar header')
  return value
}

export function isZero(block: Buffer): boolean {
  // Names begin the block: of a true head this is almost always enough.
  return block[0] === 0 && block.every((byte) => byte === 0)
}

/** Counted with its own field as spaces. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20
  for (let at = 0; at < 148; at++) sum += block[at]!
  for (let at = 156; at < BLOCK; at++) sum += block[at]!
  return sum
}

/** What the block alone says; extended heads come before it. Throws `BadTar`. */
export function readHead(block: Buffer): TarEntry {
  if (checksum(block) !== number(block, 148, 8)) throw new BadTar('archive/tar: invalid tar header')
  const isUstar = text(block, 257, 6).startsWith('ustar')
  const isGnu = block.toString('latin1', 257, 265) === 'ustar  \0'
  const prefix = isUstar && !isGnu ? text(block, 345, 155) : ''
  const name = text(block, 0, 100)
  const type = String.fromCharCode(block[156]! || 0x30)
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    type: type === '7' ? '0' : type,
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size: number(block, 124, 12),
    mtime: String(number(block, 136, 12)),
    linkname: text(block, 157, 100),
    devMajor: isUstar ? number(block, 329, 8) : 0,
    devMinor: isUstar ? number(block, 337, 8) : 0,
    attributes: new Map(),
  }
}

/** `LENGTH key=value\n`, again and again. */
export function readRecords(data: Buffer): Map<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < data.length;) {
    const blank = data.indexOf(0x20, at)
    const length = blank < 0 ? Number.NaN : Number(data.toString('latin1', at, blank))
    if (!(length > blank - at) || at + length > data.length)
      throw new BadTar('archive/tar: invalid tar header')
    const record = data.toString('latin1', blank + 1, at + length - 1)
    const equals = record.indexOf('=')
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1))
    at += length
  }
  return records
}

/** The entry with what its extended head says about it. */
export function withRecords(entry: TarEntry, records: ReadonlyMap<string, string>): TarEntry {
  if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.')))
    throw new BadTar('sparse files are not supported')
  const whole = (key: string, value: number): number => {
    const given = records.get(key)
    if (given === undefined) return value
    if (!/^\d+$/.test(given)) throw new BadTar('archive/tar: invalid tar header')
    return Number(given)
  }
  return {
    ...entry,
    name: records.get('path') ?? entry.name,
    linkname: records.get('linkpath') ?? entry.linkname,
    size: whole('size', entry.size),
    uid: whole('uid', entry.uid),
    gid: whole('gid', entry.gid),
    mtime: records.get('mtime') ?? entry.mtime,
    attributes: new Map([...records].filter(([key]) => key.startsWith('SCHILY.xattr.'))),
  }
}

/** The entry's head, with an extended one before it where it does not fit. */
export function writeHead(entry: TarEntry): Buffer {
  const records: string[] = []
  const add = (key: string, value: string): void => void records.push(record(key, value))
  if (entry.name.length > 100) add('path', entry.name)
  if (entry.linkname.length > 100) add('linkpath', entry.linkname)
  const large = (key: 'size' | 'uid' | 'gid', most: number): number => {
    if (entry[key] <= most) return entry[key]
    add(key, String(entry[key]))
    return 0
  }
  const [size, uid, gid] = [
    large('size', 8 ** 11 - 1),
    large('uid', 8 ** 7 - 1),
    large('gid', 8 ** 7 - 1),
  ]
  if (!/^\d+$/.test(entry.mtime)) add('mtime', entry.mtime)
  for (const [key, value] of entry.attributes) add(key, value)
  const head = block({ ...entry, size, uid, gid })
  if (records.length === 0) return head
  const body = Buffer.from(records.join(''), 'latin1')
  const extended = block({
    ...entry,
    name: 'PaxHeader',
    linkname: '',
    type: 'x',
    mode: 0o644,
    size: body.length,
    uid: 0,
    gid: 0,
    mtime: '0',
    devMajor: 0,
    devMinor: 0,
  })
  return Buffer.concat([extended, body, Buffer.alloc(paddingOf(body.length)), head])
}

export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

function record(key: string, value: string): string {
  const body = ` ${key}=${value}\n`
  const length = body.length + String(body.length + String(body.length).length).length
  return `${length}${body}`
}

function block(entry: TarEntry): Buffer {
  const head = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, length: number): void =>
    void head.write(value.toString(8).padStart(length - 1, '0'), at, length - 1, 'latin1')
  head.write(entry.name.slice(0, 100), 0, 100, 'latin1')
  octal(entry.mode, 100, 8)
  octal(entry.uid, 108, 8)
  octal(entry.gid, 116, 8)
  octal(entry.size, 124, 12)
  // Before 1970 there is only pax.
  octal(Math.max(0, Math.floor(Number(entry.mtime)) || 0), 136, 12)
  head.write(entry.type, 156, 1, 'latin1')
  head.write(entry.linkname.slice(0, 100), 157, 100, 'latin1')
  head.write('ustar\x0000', 257, 8, 'latin1')
  octal(entry.devMajor, 329, 8)
  octal(entry.devMinor, 337, 8)
  head.write(`${checksum(head).toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1')
  return head
}
