/**
 * A WebSocket on one side, raw bytes with a process on the other.
 *
 * The end of the client's input, by a close frame or by the end of its side of the connection, is
 * the end of the process's; output goes on after it. Whoever has sent a close frame waits for ours,
 * so it does not wait longer than a moment for output; a connection half-closed without one gets
 * all there is.
 */
import type { Socket } from 'node:net'
import { FrameDecoder as StdcopyDecoder } from '@tdocker/api/framing.ts'
import { closeCode, closeFrame, encodeFrame, FrameReader, opcode } from './frames.ts'

const CLOSE_GRACE_MS = 1000
/** A client that takes nothing for so long does not get the rest. */
const STALL_LIMIT_MS = 60_000

export interface BridgeOptions {
  client: Socket
  /** Owned. */
  inner: Socket
  /** What the client has sent already. */
  head: Buffer
  /** Messages in binary frames, else in text frames. */
  binary: boolean
  /** The process's output comes in stdcopy frames, which a WebSocket's client must not see. */
  multiplexed: boolean
}

/** Runs until one side is gone. */
export function bridgeWebSocket(o: BridgeOptions): void {
  const bridge = new Bridge(o)
  bridge.receive(o.head)
}

class Bridge {
  readonly #client: Socket
  readonly #inner: Socket
  readonly #code: number
  readonly #reader = new FrameReader()
  readonly #stdcopy: StdcopyDecoder | undefined
  #closeSent = false

  constructor({ client, inner, binary, multiplexed }: BridgeOptions) {
    this.#client = client
    this.#inner = inner
    this.#code = binary ? opcode.binary : opcode.text
    this.#stdcopy = multiplexed ? new StdcopyDecoder() : undefined
    client.on('error', () => client.destroy())
    inner.on('error', () => inner.destroy())
    client.on('close', () => inner.destroySoon())
    inner.on('close', () => this.#finish(closeCode.normal))
    client.on('data', (chunk: Buffer) => this.receive(chunk))
    client.on('end', () => this.#endInput())
    inner.on('data', (chunk: Buffer) => this.#send(chunk))
    inner.on('end', () => this.#finish(closeCode.normal))
    client.on('drain', () => {
      inner.resume()
      client.resume()
    })
    inner.on('drain', () => client.resume())
    client.resume()
  }

  receive(chunk: Buffer): void {
    try {
      for (const { kind, payload } of this.#reader.feed(chunk)) {
        if (kind === 'data') this.#forward(payload)
        else if (kind === 'ping') this.#pong(payload)
        else if (kind === 'close') return this.#onClose()
      }
    } catch {
      this.#finish(closeCode.protocolError)
    }
  }

  #forward(payload: Buffer): void {
    if (this.#inner.writable && !this.#inner.write(payload)) this.#client.pause()
  }

  #send(chunk: Buffer): void {
    if (!this.#stdcopy) return this.#message(chunk)
    for (const { payload } of this.#stdcopy.feed(chunk)) this.#message(payload)
  }

  #message(payload: Buffer): void {
    if (!this.#say(encodeFrame(this.#code, payload))) this.#inner.pause()
  }

  /** Who asks without reading answers is not read either. */
  #pong(payload: Buffer): void {
    if (!this.#say(encodeFrame(opcode.pong, payload))) this.#client.pause()
  }

  /** False when the client is behind. */
  #say(frame: Buffer): boolean {
    return this.#closeSent || !this.#client.writable || this.#client.write(frame)
  }

  #onClose(): void {
    this.#endInput()
    // Nothing counts that comes after it.
    this.#client.removeAllListeners('data')
    this.#client.resume()
    const timer = setTimeout(() => this.#finish(closeCode.normal), CLOSE_GRACE_MS)
    this.#inner.once('close', () => clearTimeout(timer))
  }

  #endInput(): void {
    if (this.#inner.writable) this.#inner.end()
  }

  #finish(code: number): void {
    if (!this.#closeSent) this.#say(closeFrame(code))
    this.#closeSent = true
    this.#client.setTimeout(STALL_LIMIT_MS, () => this.#client.destroy())
    this.#client.destroySoon()
    // Input on its way still arrives.
    this.#inner.destroySoon()
    this.#inner.resume()
  }
}
