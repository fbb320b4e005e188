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
  data(id: number, bytes: Buffer, done: (() => void) | undefined): void
  end(id: number): void
  reset(id: number, reason: { message: string; code: string }): void
  window(id: number, more: number): void
  closed(id: number): void
}

/** Credit is given back in pieces, so that it costs little. */
const CREDIT = INITIAL_WINDOW / 4
/** Of what a connection is read by at a time, no more is copied. */
const SMALL = 16 * 1024

export class SessionStream extends Duplex {
  readonly id: number
  readonly #carrier: Carrier
  /** Bytes that may still be sent. */
  #credit = INITIAL_WINDOW
  #waiting: (() => void) | undefined
  /** Bytes that the peer may still send. */
  #open = INITIAL_WINDOW
  /** What the pieces count that have not been read. */
  #unread: number[] = []
  /** What the frame counts beyond its length. */
  #surcharge = 0
  #peerEnded = false
  #peerGone = false

  constructor(id: number, carrier: Carrier) {
    // A piece is read as it came: Node would make one of all that wait.
    super({
      allowHalfOpen: true,
      readableObjectMode: true,
      readableHighWaterMark: 16,
      writableHighWaterMark: MAX_PAYLOAD,
    })
    this.id = id
    this.#carrier = carrier
    // One that nobody listens to yet must not end the program.
    this.on('error', () => {})
  }

  /** A frame of the peer's begins. Throws ProtocolError for more than it may send. */
  receiveHead(length: number): void {
    if (this.#peerEnded) throw new ProtocolError(`data behind the end of stream ${this.id}`)
    const charge = chargeOf(length)
    if (charge > this.#open) throw new ProtocolError(`stream ${this.id} exceeds its window`)
    this.#open -= charge
    this.#surcharge = charge - length
    if (length === 0) this.#used += charge
  }

  /** A piece of it. */
  receive(bytes: Buffer): void {
    if (this.destroyed) return
    this.#unread.push(bytes.length + this.#surcharge)
    this.#surcharge = 0
    // A small one would hold the whole piece of the connection that it came in.
    this.push(bytes.length < SMALL ? Buffer.from(bytes) : bytes)
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
    const read = this.#unread.length - this.readableLength
    for (const charge of this.#unread.splice(0, read)) this.#used += charge
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
    // As many frames at once as may be sent: waiting for each costs a turn of the loop.
    for (let at = 0; at < bytes.length && this.#credit >= MIN_CHARGE;) {
      const size = Math.min(bytes.length - at, MAX_PAYLOAD, this.#credit)
      const piece = bytes.subarray(at, (at += size))
      this.#credit -= chargeOf(size)
      const isLast = at === bytes.length || this.#credit < MIN_CHARGE
      const rest = bytes.subarray(at)
      this.#carrier.data(this.id, piece, isLast ? () => this.#send(rest, done) : undefined)
    }
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
