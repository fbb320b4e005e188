/** Just enough of RFC 1035 for tests to ask and to answer; strict about what it reads. */
export const TYPE = { A: 1, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33, OPT: 41 } as const
export type TypeName = keyof typeof TYPE

export interface Answer {
  id: number
  rcode: number
  truncated: boolean
  name: string
  /** Addresses and names as text, others as hexadecimal digits. */
  records: string[]
  ttls: number[]
  size: number
}

export function encodeQuery(o: {
  id: number
  name: string
  type: TypeName
  udpSize?: number
}): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(o.id, 0)
  head.writeUInt16BE(0x0100, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(o.udpSize === undefined ? 0 : 1, 10)
  const question = Buffer.concat([encodeName(o.name), u16(TYPE[o.type]), u16(1)])
  const edns = [Buffer.from([0]), u16(TYPE.OPT), u16(o.udpSize ?? 0), Buffer.alloc(6)]
  return Buffer.concat([head, question, ...(o.udpSize === undefined ? [] : edns)])
}

export interface Question {
  id: number
  name: string
  type: number
  /** Offset behind it. */
  end: number
}

export function decodeQuestion(message: Buffer): Question {
  const { name, end } = readName(message, 12)
  return { id: message.readUInt16BE(0), name, type: message.readUInt16BE(end), end: end + 4 }
}

export function encodeReply(
  query: Buffer,
  o: { rcode?: number; truncated?: boolean; ttl?: number; data?: readonly Buffer[]; soa?: number },
): Buffer {
  const { type, end } = decodeQuestion(query)
  const head = Buffer.from(query.subarray(0, end))
  const soa = o.soa === undefined ? [] : [record(TYPE.SOA, o.soa, soaData(o.soa))]
  const data = o.data ?? []
  head.writeUInt16BE(0x8180 | (o.truncated === true ? 0x0200 : 0) | (o.rcode ?? 0), 2)
  head.writeUInt16BE(data.length, 6)
  head.writeUInt16BE(soa.length, 8)
  head.writeUInt16BE(0, 10)
  return Buffer.concat([head, ...data.map((each) => record(type, o.ttl ?? 60, each)), ...soa])
}

export function decodeAnswer(message: Buffer): Answer {
  const question = decodeQuestion(message)
  const flags = message.readUInt16BE(2)
  const records: string[] = []
  const ttls: number[] = []
  let at = question.end
  for (let i = message.readUInt16BE(6); i > 0; i--) {
    const head = readName(message, at).end
    const type = message.readUInt16BE(head)
    ttls.push(message.readUInt32BE(head + 4))
    const size = message.readUInt16BE(head + 8)
    records.push(textOf(message, type, head + 10, size))
    at = head + 10 + size
  }
  return {
    id: question.id,
    rcode: flags & 15,
    truncated: (flags & 0x0200) !== 0,
    name: question.name,
    records,
    ttls,
    size: message.length,
  }
}

export function encodeName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '')
  return Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ])
}

function textOf(message: Buffer, type: number, at: number, size: number): string {
  const data = message.subarray(at, at + size)
  if (type === TYPE.A) return data.join('.')
  if (type === TYPE.PTR) return readName(message, at).name
  return data.toString('hex')
}

function record(type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(ttl, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function soaData(minimum: number): Buffer {
  const numbers = Buffer.alloc(20)
  numbers.writeUInt32BE(minimum, 16)
  return Buffer.concat([encodeName('ns.test'), encodeName('admin.test'), numbers])
}

function readName(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = []
  let at = start
  let end = 0
  for (let steps = 0; steps < 128; steps++) {
    const length = message.readUInt8(at)
    if (length >= 0xc0) {
      if (end === 0) end = at + 2
      at = message.readUInt16BE(at) & 0x3fff
      continue
    }
    at += 1 + length
    if (length === 0) return { name: labels.join('.'), end: end === 0 ? at : end }
    labels.push(message.toString('latin1', at - length, at))
  }
  throw new Error('compression loop')
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255])
}
