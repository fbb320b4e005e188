import { Socket } from 'node:net'

/** What is kept of a probe's output. */
const MAX_BYTES = 4096
const HEAD_BYTES = 8

/** Takes stdcopy frames and keeps the first bytes of what both streams said, in their order. */
export class ProbeOutput {
  readonly #kept: Buffer[] = []
  #size = 0
  #truncated = false
  #head = Buffer.alloc(0)
  /** Bytes of the current frame's payload still to come. */
  #missing = 0

  push(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#missing > 0) {
        this.#keep(rest.subarray(0, this.#missing))
        const taken = Math.min(rest.length, this.#missing)
        this.#missing -= taken
        rest = rest.subarray(taken)
        continue
      }
      const wanted = HEAD_BYTES - this.#head.length
      this.#head = Buffer.concat([this.#head, rest.subarray(0, wanted)])
      rest = rest.subarray(wanted)
      if (this.#head.length < HEAD_BYTES) return
      this.#missing = this.#head.readUInt32BE(4)
      this.#head = Buffer.alloc(0)
    }
  }

  #keep(part: Buffer): void {
    const room = Math.min(MAX_BYTES - this.#size, part.length)
    if (room < part.length) this.#truncated = true
    if (room <= 0) return
    // A copy: the chunk it points into is of Node's pool.
    this.#kept.push(Buffer.from(part.subarray(0, room)))
    this.#size += room
  }

  /** `...` at the end says that there was more. */
  toString(): string {
    return `${Buffer.concat(this.#kept).toString()}${this.#truncated ? '...' : ''}`
  }
}

/** Reads a descriptor, which it owns, into `output`. */
export function collectOutput(
  fd: number,
  output: ProbeOutput,
): { ended: Promise<void>; close: () => void } {
  const socket = new Socket({ fd, readable: true, writable: false })
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  socket.on('data', (chunk: Buffer) => output.push(chunk))
  // A shim that dies resets the connection: what came before is what there is.
  socket.on('error', () => {})
  socket.on('close', () => resolve())
  return { ended, close: () => socket.destroy() }
}
