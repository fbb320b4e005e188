/** WebSocket frames as a server reads and writes them (RFC 6455, section 5). */

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** Reasons for a close (section 7.4.1). */
export const closeCode = { normal: 1000, protocolError: 1002 } as const

const FIN = 0x80
const MASKED = 0x80
const RESERVED = 0x70
const MAX_CONTROL_PAYLOAD = 125

/** What a client has said: bytes of a message as they come, or a whole control frame. */
export type Received =
  { kind: 'data'; payload: Buffer } | { kind: 'close' | 'ping' | 'pong'; payload: Buffer }

/** A client that does not keep to the protocol: answered by a close with 1002. */
export class ProtocolError extends Error {}

interface Head {
  code: number
  length: number
  mask: Buffer
}

/**
 * Cuts what a client sends into data and control frames. Data is handed on as it arrives, so a frame
 * of any length takes no memory; messages and their fragments are one stream of bytes here.
 */
export class FrameReader {
  #buffer: Buffer = Buffer.alloc(0)
  #head: Head | undefined
  /** Payload bytes of the present frame that have been handed on. */
  #done = 0
  /** A message has begun and its last fragment has not come. */
  #fragmented = false;

  /** Throws ProtocolError. */
  *feed(chunk: Buffer): Generator<Received> {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
    for (;;) {
      const head = (this.#head ??= this.#takeHead())
      if (!head) return
      const received = head.code >= opcode.close ? this.#takeControl(head) : this.#takeData(head)
      if (!received) return
      if (received.payload.length > 0 || received.kind !== 'data') yield received
    }
  }

  #takeHead(): Head | undefined {
    const [first, second] = this.#buffer
    if (first === undefined || second === undefined) return undefined
    const code = first & 0x0f
    const short = second & 0x7f
    checkHead(first, code, (second & MASKED) !== 0, short)
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0
    const size = 2 + extended + 4
    if (this.#buffer.length < size) return undefined
    const length = extended === 0 ? short : lengthOf(this.#buffer.subarray(2, 2 + extended))
    const mask = Buffer.from(this.#buffer.subarray(2 + extended, size))
    this.#buffer = this.#buffer.subarray(size)
    if (code < opcode.close) this.#checkFragment(code, (first & FIN) !== 0)
    this.#done = 0
    return { code, length, mask }
  }

  #checkFragment(code: number, last: boolean): void {
    if (this.#fragmented !== (code === opcode.continuation))
      throw new ProtocolError('fragments out of order')
    this.#fragmented = !last
  }

  #takeControl(head: Head): Received | undefined {
    if (this.#buffer.length < head.length) return undefined
    const payload = this.#unmask(head)
    this.#head = undefined
    return { kind: controlKinds[head.code]!, payload }
  }

  #takeData(head: Head): Received | undefined {
    if (this.#buffer.length === 0 && this.#done < head.length) return undefined
    const payload = this.#unmask(head)
    if (this.#done === head.length) this.#head = undefined
    return { kind: 'data', payload }
  }

  #unmask(head: Head): Buffer {
    const payload = Buffer.from(this.#buffer.subarray(0, head.length - this.#done))
    this.#buffer = this.#buffer.subarray(payload.length)
    for (let i = 0; i < payload.length; i++) payload[i]! ^= head.mask[(this.#done + i) & 3]!
    this.#done += payload.length
    return payload
  }
}

const controlKinds: Readonly<Record<number, 'close' | 'ping' | 'pong'>> = {
  [opcode.close]: 'close',
  [opcode.ping]: 'ping',
  [opcode.pong]: 'pong',
}

const opcodes: ReadonlySet<number> = new Set(Object.values(opcode))

function checkHead(first: number, code: number, masked: boolean, length: number): void {
  if ((first & RESERVED) !== 0) throw new ProtocolError('reserved bits are set')
  if (!opcodes.has(code)) throw new ProtocolError('unknown opcode')
  if (!masked) throw new ProtocolError('a client must mask its frames')
  if (code < opcode.close) return
  if ((first & FIN) === 0 || length > MAX_CONTROL_PAYLOAD)
    throw new ProtocolError('control frame too long or in fragments')
}

function lengthOf(bytes: Buffer): number {
  if (bytes.length === 2) return bytes.readUInt16BE()
  const length = Number(bytes.readBigUInt64BE())
  if (!Number.isSafeInteger(length)) throw new ProtocolError('frame too long')
  return length
}

/** One whole frame, unmasked, as servers send them. */
export function encodeFrame(code: number, payload: Buffer): Buffer {
  return Buffer.concat([frameHead(code, payload.length), payload])
}

function frameHead(code: number, length: number): Buffer {
  if (length < 126) return Buffer.from([FIN | code, length])
  const head = Buffer.alloc(length < 1 << 16 ? 4 : 10)
  head[0] = FIN | code
  head[1] = head.length === 4 ? 126 : 127
  if (head.length === 4) head.writeUInt16BE(length, 2)
  else head.writeBigUInt64BE(BigInt(length), 2)
  return head
}

export function closeFrame(code: number): Buffer {
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code)
  return encodeFrame(opcode.close, payload)
}
