/** Heads of the outer archive's members, byte for byte as Go's archive/tar writes them (PAX format). */

export const BLOCK = 512

export interface TarMember {
  name: string
  type: 'file' | 'directory'
  mode: number
  /** Seconds since 1970. */
  mtime: number
  size: number
}

/** Where each field lies (POSIX.1-2017, pax, "ustar Interchange Format"). */
const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 7],
  type: [156, 1],
  magic: [257, 8],
  devMajor: [329, 8],
  devMinor: [337, 8],
} as const

const TYPE = { file: '0', directory: '5', extended: 'x' } as const
const LARGEST_OCTAL_SIZE = 8 ** 11 - 1

/** One block, or three where name or size do not fit into one. */
export function tarHeader(member: TarMember): Buffer {
  const records: string[] = []
  const [, nameLength] = FIELD.name
  if (Buffer.byteLength(member.name) > nameLength) records.push(record('path', member.name))
  const isLarge = member.size > LARGEST_OCTAL_SIZE
  if (isLarge) records.push(record('size', String(member.size)))
  const own = ustar({
    name: member.name,
    type: TYPE[member.type],
    mode: member.mode,
    mtime: member.mtime,
    size: isLarge ? 0 : member.size,
  })
  return records.length === 0 ? own : Buffer.concat([extended(member.name, records.join('')), own])
}

/** `LENGTH key=value\n`, where LENGTH counts itself. */
function record(key: string, value: string): string {
  const text = ` ${key}=${value}\n`
  const bare = Buffer.byteLength(text)
  const length = bare + String(bare + String(bare).length).length
  return `${length}${text}`
}

function extended(name: string, records: string): Buffer {
  const slash = name.lastIndexOf('/') + 1
  const body = Buffer.from(records)
  const head = ustar({
    name: `${name.slice(0, slash)}PaxHeaders.0/${name.slice(slash)}`,
    type: TYPE.extended,
    mode: 0,
    mtime: 0,
    size: body.length,
  })
  return Buffer.concat([head, body, padding(body.length)])
}

/** Zeros up to the next block. */
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)
}

function ustar(o: {
  name: string
  type: string
  mode: number
  mtime: number
  size: number
}): Buffer {
  const block = Buffer.alloc(BLOCK)
  put(block, FIELD.name, o.name)
  for (const [field, value] of [
    [FIELD.mode, o.mode],
    [FIELD.uid, 0],
    [FIELD.gid, 0],
    [FIELD.size, o.size],
    [FIELD.mtime, o.mtime],
    [FIELD.devMajor, 0],
    [FIELD.devMinor, 0],
  ] as const) {
    put(block, field, octal(value, field[1]))
  }
  put(block, FIELD.type, o.type)
  put(block, FIELD.magic, 'ustar\x0000')
  // Counted with its own field as spaces.
  const sum = block.reduce((total, byte) => total + byte, 8 * 0x20)
  put(block, FIELD.checksum, octal(sum, FIELD.checksum[1]))
  block[FIELD.checksum[0] + FIELD.checksum[1]] = 0x20
  return block
}

function octal(value: number, length: number): string {
  return value.toString(8).padStart(length - 1, '0')
}

function put(block: Buffer, [at, length]: readonly [number, number], text: string): void {
  block.write(text, at, length, 'utf8')
}
