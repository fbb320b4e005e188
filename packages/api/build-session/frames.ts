/**
 * The connection that a client keeps open beside its build (`POST /build/session`, `Upgrade:
 * tdocker-build`). Both ways it carries frames:
 *
 *     u8 type   u32 stream   u32 length   payload      (big endian, at most MAX_PAYLOAD bytes)
 *
 * The client begins with `hello` (stream 0): JSON of what it has to offer. After that the daemon opens
 * streams, numbered by itself, each for one thing it wants: `open` carries the request as JSON. A stream
 * is two directions of bytes, each ended by `end`; `reset` gives it up, with JSON of the reason. Who sends
 * may have no more than INITIAL_WINDOW bytes on their way; `window` (u32) allows that many more once they
 * are used. A frame counts MIN_CHARGE bytes at least: many small ones cost memory, too. So neither side
 * ever holds much more than MAX_STREAMS windows, however slow or hostile the other.
 */
export const FRAME = { hello: 0, open: 1, data: 2, end: 3, reset: 4, window: 5 } as const
export type FrameType = (typeof FRAME)[keyof typeof FRAME]

export const MAX_PAYLOAD = 64 * 1024
export const INITIAL_WINDOW = 512 * 1024
export const MIN_CHARGE = 256
/** Open at a time. */
export const MAX_STREAMS = 64

/** What `Upgrade` asks for. */
export const PROTOCOL = 'tdocker-build'

/** First thing the client says. */
export interface Hello {
  version: 1
  /** Ids of `--ssh`. */
  agents: string[]
  /** Names of directories that may be asked for. */
  directories: string[]
}

/** Of the daemon, by `open`. */
export interface SessionRequest {
  /** `file`: of the build itself, its Dockerfile or ignore file. */
  kind: 'secret' | 'agent' | 'directory' | 'file'
  name: string
}

/** The peer does not keep to the protocol: the connection is given up. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(`build session: ${message}`)
    this.name = 'ProtocolError'
  }
}

const HEAD = 9

export function encodeFrame(type: FrameType, stream: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD + payload.length)
  frame.writeUInt8(type, 0)
  frame.writeUInt32BE(stream, 1)
  frame.writeUInt32BE(payload.length, 5)
  frame.set(payload, HEAD)
  return frame
}

/** Head of a frame whose payload is written behind it. */
export function encodeHead(type: FrameType, stream: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD)
  head.writeUInt8(type, 0)
  head.writeUInt32BE(stream, 1)
  head.writeUInt32BE(length, 5)
  return head
}

export type Heard = (type: number, stream: number, payload: Buffer) => void

/** Takes frames out of the pieces of a connection. Holds one frame at most. */
export class FrameReader {
  readonly #heard: Heard
  #held: Buffer[] = []
  #size = 0
  /** Bytes until something can be done. */
  #wanted = HEAD

  constructor(heard: Heard) {
    this.#heard = heard
  }

  /** Throws ProtocolError. */
  push(chunk: Buffer): void {
    this.#held.push(chunk)
    this.#size += chunk.length
    if (this.#size < this.#wanted) return
    const all = this.#held.length === 1 ? chunk : Buffer.concat(this.#held, this.#size)
    let at = 0
    for (;;) {
      this.#wanted = HEAD
      if (all.length - at < HEAD) break
      const length = all.readUInt32BE(at + 5)
      if (length > MAX_PAYLOAD) throw new ProtocolError(`a frame of ${length} bytes`)
      this.#wanted = HEAD + length
      if (all.length - at < this.#wanted) break
      const end = at + HEAD + length
      this.#heard(all[at]!, all.readUInt32BE(at + 1), all.subarray(at + HEAD, end))
      at = end
    }
    const rest = all.subarray(at)
    this.#held = rest.length > 0 ? [rest] : []
    this.#size = rest.length
  }
}
