/** The frames of one connection, sorted into streams. */
import type { Duplex } from 'node:stream'
import {
  encodeFrame,
  encodeHead,
  FRAME,
  FrameReader,
  type FrameType,
  type Hello,
  MAX_PAYLOAD,
  MAX_STREAMS,
  ProtocolError,
  type SessionRequest,
} from './frames.ts'
import { type Carrier, SessionStream, StreamRefused } from './stream.ts'

export interface ConnectionOptions {
  /** Owned from now on. */
  socket: Duplex
  /** Bytes that were read before. */
  head: Buffer
  /** Of the side that is asked; the other one has none. */
  accept?(request: SessionRequest, stream: SessionStream): void
  /** Of the side that asks. Throws what is wrong with it. */
  hello?(payload: Buffer): void
  /** Called once. */
  closed?(error: Error): void
}

export class SessionConnection {
  readonly #o: ConnectionOptions
  readonly #streams = new Map<number, SessionStream>()
  readonly #carrier: Carrier
  #next = 1
  #greeted = false
  #failure: Error | undefined

  constructor(o: ConnectionOptions) {
    this.#o = o
    const { socket } = o
    this.#carrier = {
      data: (id, bytes, done) => {
        if (this.#failure) return
        socket.cork()
        socket.write(encodeHead(FRAME.data, id, bytes.length))
        socket.write(bytes, done)
        socket.uncork()
      },
      end: (id) => this.#send(FRAME.end, id),
      reset: (id, reason) => this.#send(FRAME.reset, id, reasonBytes(reason)),
      window: (id, more) => {
        const bytes = Buffer.allocUnsafe(4)
        bytes.writeUInt32BE(more)
        this.#send(FRAME.window, id, bytes)
      },
      closed: (id) => void this.#streams.delete(id),
    }
    const reader = new FrameReader({
      data: (id, length) => this.#find(id)?.receiveHead(length),
      piece: (id, bytes) => this.#streams.get(id)?.receive(bytes),
      frame: (type, id, payload) => this.#onFrame(type, id, payload),
    })
    const take = (chunk: Buffer): void => {
      if (this.#failure) return
      try {
        reader.push(chunk)
      } catch (error) {
        this.close(error as Error)
      }
    }
    socket.on('data', take)
    socket.on('error', (error) => this.close(error))
    socket.on('end', () => this.close(closedError()))
    socket.on('close', () => this.close(closedError()))
    if (o.head.length > 0) take(o.head)
  }

  get closed(): boolean {
    return this.#failure !== undefined
  }

  /** Of the side that is asked, before anything else. */
  greet(hello: Hello): void {
    this.#send(FRAME.hello, 0, Buffer.from(JSON.stringify(hello)))
  }

  /** Throws when the connection is gone, or has too many streams. */
  open(request: SessionRequest): SessionStream {
    if (this.#failure) throw this.#failure
    if (this.#streams.size >= MAX_STREAMS) throw new Error('too many streams in a build session')
    const payload = Buffer.from(JSON.stringify(request))
    if (payload.length > MAX_PAYLOAD) throw new Error('the request is too long')
    const id = this.#next++
    this.#send(FRAME.open, id, payload)
    return this.#add(id)
  }

  close(error: Error = closedError()): void {
    if (this.#failure) return
    this.#failure = error
    for (const stream of this.#streams.values()) stream.abandon(error)
    this.#streams.clear()
    this.#o.socket.destroy()
    this.#o.closed?.(error)
  }

  #add(id: number): SessionStream {
    const stream = new SessionStream(id, this.#carrier)
    this.#streams.set(id, stream)
    return stream
  }

  #send(type: FrameType, id: number, payload: Uint8Array = Buffer.alloc(0)): void {
    if (!this.#failure) this.#o.socket.write(encodeFrame(type, id, payload))
  }

  #onFrame(type: number, id: number, payload: Buffer): void {
    if (this.#failure) return
    if (type === FRAME.hello) return this.#onHello(payload)
    if (type === FRAME.open) return this.#onOpen(id, payload)
    const stream = this.#find(id)
    if (stream) this.#onStreamFrame(type, stream, payload)
  }

  /** undefined for one that we gave up: things may have been on their way. */
  #find(id: number): SessionStream | undefined {
    if (this.#o.hello && !this.#greeted) throw new ProtocolError('no hello')
    const stream = this.#streams.get(id)
    if (!stream && (id === 0 || id >= this.#next)) throw new ProtocolError(`no stream ${id}`)
    return stream
  }

  #onStreamFrame(type: number, stream: SessionStream, payload: Buffer): void {
    switch (type) {
      case FRAME.end:
        return stream.receiveEnd()
      case FRAME.reset:
        return stream.abandon(reasonOf(payload))
      case FRAME.window:
        if (payload.length !== 4) throw new ProtocolError('a window of another size')
        return stream.receiveWindow(payload.readUInt32BE(0))
      default:
        throw new ProtocolError(`a frame of type ${type}`)
    }
  }

  #onHello(payload: Buffer): void {
    if (!this.#o.hello || this.#greeted) throw new ProtocolError('hello out of place')
    this.#greeted = true
    this.#o.hello(payload)
  }

  #onOpen(id: number, payload: Buffer): void {
    if (!this.#o.accept) throw new ProtocolError('only the daemon opens streams')
    if (id !== this.#next) throw new ProtocolError(`stream ${id} out of turn`)
    if (this.#streams.size >= MAX_STREAMS) throw new ProtocolError('too many streams')
    this.#next++
    const stream = this.#add(id)
    this.#o.accept(JSON.parse(payload.toString()) as SessionRequest, stream)
  }
}

function closedError(): Error {
  return new Error('the client closed the connection of its build')
}

const MAX_REASON = 4096

function reasonBytes({ message, code }: { message: string; code: string }): Buffer {
  return Buffer.from(JSON.stringify({ message: message.slice(0, MAX_REASON), code }))
}

function reasonOf(payload: Buffer): StreamRefused {
  try {
    const { message, code } = JSON.parse(payload.toString()) as Record<string, unknown>
    return new StreamRefused(String(message ?? '').slice(0, MAX_REASON), String(code ?? ''))
  } catch {
    throw new ProtocolError('a reset without a reason')
  }
}
