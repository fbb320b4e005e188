/** Output of a step's container: stdcopy frames on a descriptor become pieces of text, in order. */
import { Socket } from 'node:net'
import { StringDecoder } from 'node:string_decoder'

const HEAD = 8
const STDERR = 2

export type Heard = (text: string, isError: boolean) => void

/** Reads a descriptor, which it owns, to its end, and rests while it is told to. */
export function hearOutput(
  fd: number,
  heard: Heard,
  untilTold?: () => Promise<void> | undefined,
): { ended: Promise<void>; close(): void } {
  const socket = new Socket({ fd, readable: true, writable: false })
  const frames = new Frames(heard)
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  socket.on('data', (chunk: Buffer) => {
    frames.push(chunk)
    const told = untilTold?.()
    if (!told) return
    socket.pause()
    void told.then(() => socket.resume())
  })
  // A shim that dies resets the connection: what came before is what there is.
  socket.on('error', () => {})
  socket.on('close', () => {
    frames.end()
    resolve()
  })
  return { ended, close: () => void socket.destroy() }
}

class Frames {
  readonly #heard: Heard
  readonly #decoders = { out: new StringDecoder('utf8'), err: new StringDecoder('utf8') }
  #head: Buffer = Buffer.alloc(0)
  #isError = false
  /** Bytes of the frame still to come. */
  #missing = 0

  constructor(heard: Heard) {
    this.#heard = heard
  }

  push(chunk: Buffer): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#missing > 0) {
        const part = rest.subarray(0, this.#missing)
        const text = this.#decoders[this.#isError ? 'err' : 'out'].write(part)
        if (text !== '') this.#heard(text, this.#isError)
        this.#missing -= part.length
        rest = rest.subarray(part.length)
        continue
      }
      const wanted = HEAD - this.#head.length
      this.#head = Buffer.concat([this.#head, rest.subarray(0, wanted)])
      rest = rest.subarray(wanted)
      if (this.#head.length < HEAD) return
      this.#isError = this.#head[0] === STDERR
      this.#missing = this.#head.readUInt32BE(4)
      this.#head = Buffer.alloc(0)
    }
  }

  end(): void {
    for (const [name, decoder] of Object.entries(this.#decoders)) {
      const text = decoder.end()
      if (text !== '') this.#heard(text, name === 'err')
    }
  }
}
