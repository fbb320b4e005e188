import dgram from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Native } from '@tdocker/kernel/native.ts'
import type { LogEntry } from './entry.ts'
import type { LogSender } from './sender.ts'

export type DatagramNative = Pick<Native, 'unixDatagram' | 'sendDatagram' | 'closeFd'>

const FULL_WAIT_MAX_MS = 50

export interface UnixDatagramOptions {
  native: DatagramNative
  /** Tries one path after the other. */
  paths: readonly string[]
  encode: (entry: LogEntry) => Buffer | undefined
  /** The journal accepts memfds for what no datagram holds. */
  memfd: boolean
  confirmAfterMs: number
}

/** One datagram for each message on a UNIX socket; a full queue of the receiver's holds us up. */
export class UnixDatagramSender implements LogSender {
  readonly confirmAfterMs: number
  onLost: () => void = () => {}
  readonly #o: UnixDatagramOptions
  #fd: number | undefined

  constructor(o: UnixDatagramOptions) {
    this.#o = o
    this.confirmAfterMs = o.confirmAfterMs
  }

  async open(): Promise<void> {
    let problem: unknown
    for (const path of this.#o.paths) {
      try {
        this.#fd = this.#o.native.unixDatagram(path)
        return
      } catch (error) {
        problem = error
      }
    }
    throw problem
  }

  async send(entries: readonly LogEntry[]): Promise<void> {
    for (const entry of entries) {
      const message = this.#o.encode(entry)
      if (message) await this.#sendOne(message)
    }
  }

  async #sendOne(message: Buffer): Promise<void> {
    for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, FULL_WAIT_MAX_MS)) {
      if (this.#fd === undefined) throw new Error('not connected to the log server')
      if (this.#o.native.sendDatagram({ fd: this.#fd, message, memfd: this.#o.memfd })) return
      await delay(waitMs)
    }
  }

  close(): void {
    if (this.#fd !== undefined) this.#o.native.closeFd(this.#fd)
    this.#fd = undefined
  }
}

/** UDP: nobody learns whether anything arrives, so nothing is sent twice and nothing holds us up. */
export class UdpSender implements LogSender {
  readonly confirmAfterMs = 0
  onLost: () => void = () => {}
  readonly #host: string
  readonly #port: number
  readonly #encode: (entry: LogEntry) => Buffer | undefined
  #socket: dgram.Socket | undefined

  constructor(host: string, port: number, encode: (entry: LogEntry) => Buffer | undefined) {
    this.#host = host
    this.#port = port
    this.#encode = encode
  }

  async open(): Promise<void> {
    const { address, family } = await lookup(this.#host || 'localhost')
    const socket = dgram.createSocket(family === 6 ? 'udp6' : 'udp4')
    socket.on('error', () => {})
    socket.unref()
    await new Promise<void>((resolve) => socket.connect(this.#port, address, resolve))
    this.#socket = socket
  }

  async send(entries: readonly LogEntry[]): Promise<void> {
    const socket = this.#socket
    if (!socket) throw new Error('not connected to the log server')
    const messages = entries.map(this.#encode).filter((message) => message !== undefined)
    await Promise.all(
      messages.map((message) => new Promise((resolve) => socket.send(message, resolve))),
    )
  }

  close(): void {
    this.#socket?.close()
    this.#socket = undefined
  }
}
