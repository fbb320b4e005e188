import { Socket } from 'node:net'
import type { PlanClient } from '@tdocker/kernel/shim/plan.ts'
import { alive, native } from './fixture.ts'

export interface Frame {
  stream: number
  text: string
}

/** The client's end of a connection whose other end a shim serves. */
export class Connection {
  /** To be handed to the shim; still ours to close afterwards. */
  readonly shimFd: number
  readonly socket: Socket
  readonly #chunks: Buffer[] = []
  readonly closed: Promise<void>
  #changed: () => void = () => {}

  constructor() {
    const [ours, theirs] = native.socketPair()
    this.shimFd = theirs
    this.socket = new Socket({ fd: ours, allowHalfOpen: true })
    this.closed = new Promise((resolve) => this.socket.once('end', resolve))
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#changed()
    })
    this.socket.once('end', () => this.#changed())
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** Waits for what has arrived to satisfy a condition. */
  async until(condition: (bytes: Buffer) => boolean): Promise<void> {
    while (!condition(this.bytes)) {
      if (this.socket.readableEnded) throw new Error(`connection ended after ${this.bytes}`)
      await alive(new Promise<void>((resolve) => (this.#changed = resolve)))
    }
  }

  /** Complete stdcopy frames. */
  get frames(): Frame[] {
    const frames: Frame[] = []
    const { bytes } = this
    for (let at = 0; at + 8 <= bytes.length;) {
      const end = at + 8 + bytes.readUInt32BE(at + 4)
      frames.push({ stream: bytes[at] ?? 0, text: bytes.subarray(at + 8, end).toString() })
      at = end
    }
    return frames
  }

  text(stream: number): string {
    return this.frames.map((frame) => (frame.stream === stream ? frame.text : '')).join('')
  }

  /** For plans: the descriptor at `index` of those passed with it. */
  client(index: number, o: Partial<PlanClient> = {}): PlanClient {
    return { fd: index, ...this.live(), ...o }
  }

  /** For the control socket. */
  live(o: Partial<PlanClient> = {}): Omit<PlanClient, 'fd'> {
    return {
      stdin: true,
      stdout: true,
      stderr: true,
      detachKeys: [16, 17],
      head: new Uint8Array(),
      ...o,
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
    native.closeFd(this.shimFd)
  }
}
