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

export interface FrameHandler {
  /** A frame of data begins: its pieces follow as they come. */
  data(stream: number, length: number): void
  /** Good only as long as the call, but for a large part of what was pushed. */
  piece(stream: number, bytes: Buffer): void
  /** Any other frame, as a whole. */
  frame(type: number, stream: number, payload: Buffer): void
}

/** Takes frames out of the pieces of a connection. Data is not held back, of others one at most. */
export class FrameReader {
  readonly #handler: FrameHandler
  /** Of a head, or of a frame that is handed over as a whole. */
  #held: Buffer = Buffer.alloc(0)
  #stream = 0
  /** Data still to come. */
  #left = 0

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  /** Throws ProtocolError. */
  push(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0;)
      rest = this.#left > 0 ? this.#takeData(rest) : this.#takeFrame(rest)
  }

  #takeData(chunk: Buffer): Buffer {
    const piece = chunk.subarray(0, this.#left)
    this.#left -= piece.length
    this.#handler.piece(this.#stream, piece)
    return chunk.subarray(piece.length)
  }

  #takeFrame(chunk: Buffer): Buffer {
    const all = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    if (all.length < HEAD) return this.#hold(all)
    const [type, stream, length] = [all[0]!, all.readUInt32BE(1), all.readUInt32BE(5)]
    if (length > MAX_PAYLOAD) throw new ProtocolError(`a frame of ${length} bytes`)
    const isData = type === FRAME.data
    if (!isData && all.length < HEAD + length) return this.#hold(all)
    this.#held = Buffer.alloc(0)
    if (!isData) {
      this.#handler.frame(type, stream, all.subarray(HEAD, HEAD + length))
      return all.subarray(HEAD + length)
    }
    this.#stream = stream
    this.#left = length
    this.#handler.data(stream, length)
    return all.subarray(HEAD)
  }

  #hold(bytes: Buffer): Buffer {
    this.#held = Buffer.from(bytes)
    return bytes.subarray(bytes.length)
  }
}
