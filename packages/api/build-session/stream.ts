/** One stream of a session's connection: a duplex whose peer may be at most a window behind. */
import { Duplex } from 'node:stream'
import { INITIAL_WINDOW, MAX_PAYLOAD, MIN_CHARGE, ProtocolError } from './frames.ts'

/** The peer gave the stream up; `code` says why, for who can do without. */
export class StreamRefused extends Error {
  readonly code: string
  constructor(message: string, code = '') {
    super(message)
    this.name = 'StreamRefused'
    this.code = code
  }
}

/** What a stream needs of its connection. */
export interface Carrier {
  /** `done` when the bytes are the kernel's. */
  data(id: number, bytes: Buffer, done: () => void): void
  end(id: number): void
  reset(id: number, reason: { message: string; code: string }): void
  window(id: number, more: number): void
  closed(id: number): void
}

/** Credit is given back in pieces, so that it costs little. */
const CREDIT = INITIAL_WINDOW / 4

export class SessionStream extends Duplex {
  readonly id: number
  readonly #carrier: Carrier
  /** Bytes that may still be sent. */
  #credit = INITIAL_WINDOW
  #waiting: (() => void) | undefined
  /** Bytes that the peer may still send. */
  #open = INITIAL_WINDOW
  /** Lengths of the frames that have not been read, of which the first may be in part. */
  #unread: number[] = []
  #unreadBytes = 0
  #peerEnded = false
  #peerGone = false

  constructor(id: number, carrier: Carrier) {
    super({ allowHalfOpen: true, highWaterMark: MAX_PAYLOAD })
    this.id = id
    this.#carrier = carrier
    // One that nobody listens to yet must not end the program.
    this.on('error', () => {})
  }

  /** Bytes of the peer. Throws ProtocolError for more than it may send. */
  receive(bytes: Buffer): void {
    if (this.#peerEnded) throw new ProtocolError(`data behind the end of stream ${this.id}`)
    const charge = chargeOf(bytes.length)
    if (charge > this.#open) throw new ProtocolError(`stream ${this.id} exceeds its window`)
    this.#open -= charge
    if (this.destroyed) return
    this.#unread.push(bytes.length)
    this.#unreadBytes += bytes.length
    // A small one would hold the whole piece of the connection that it came in.
    this.push(bytes.length < MAX_PAYLOAD / 2 ? Buffer.from(bytes) : bytes)
    this.#giveCredit()
  }

  receiveEnd(): void {
    if (this.#peerEnded) throw new ProtocolError(`a second end of stream ${this.id}`)
    this.#peerEnded = true
    if (!this.destroyed) this.push(null)
  }

  receiveWindow(more: number): void {
    this.#credit += more
    if (this.#credit > 2 ** 31) throw new ProtocolError(`window of stream ${this.id}`)
    const go = this.#waiting
    this.#waiting = undefined
    go?.()
  }

  /** The peer gave it up, or the connection is gone. */
  abandon(error: Error): void {
    this.#peerGone = true
    this.destroy(error)
  }

  override _read(): void {}

  // Node calls `_read` before the bytes are taken, and not again until more come: too early for credit.
  override read(size?: number): unknown {
    const taken: unknown = super.read(size)
    this.#giveCredit()
    return taken
  }

  #giveCredit(): void {
    if (this.#peerEnded || this.#peerGone) return
    let read = this.#unreadBytes - this.readableLength
    let count = 0
    for (const length of this.#unread) {
      if (length > read) break
      read -= length
      this.#unreadBytes -= length
      this.#used += chargeOf(length)
      count++
    }
    if (count > 0) this.#unread.splice(0, count)
    if (this.#used < CREDIT) return
    this.#open += this.#used
    this.#carrier.window(this.id, this.#used)
    this.#used = 0
  }

  /** Charges of what was read, to be given back. */
  #used = 0

  override _write(
    chunk: Buffer | string,
    encoding: BufferEncoding,
    done: (error?: Error) => void,
  ): void {
    this.#send(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk, done)
  }

  #send(bytes: Buffer, done: (error?: Error) => void): void {
    if (this.destroyed) return done(new Error('the stream is closed'))
    if (bytes.length === 0) return done()
    if (this.#credit < MIN_CHARGE) {
      this.#waiting = () => this.#send(bytes, done)
      return
    }
    const size = Math.min(bytes.length, MAX_PAYLOAD, this.#credit)
    this.#credit -= chargeOf(size)
    this.#carrier.data(this.id, bytes.subarray(0, size), () =>
      this.#send(bytes.subarray(size), done),
    )
  }

  override _final(done: () => void): void {
    this.#carrier.end(this.id)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const whole = this.#peerEnded && this.writableFinished
    if (!whole && !this.#peerGone)
      this.#carrier.reset(this.id, {
        message: error?.message ?? '',
        code: error instanceof StreamRefused ? error.code : '',
      })
    this.#waiting = undefined
    this.#carrier.closed(this.id)
    done(error)
  }
}

function chargeOf(length: number): number {
  return Math.max(length, MIN_CHARGE)
}
