import type { Socket } from 'node:net'
import type { LogEntry } from './entry.ts'
import type { LogSender } from './sender.ts'

/** Messages one after the other on a stream: TCP, TLS, UNIX. */
export class StreamSender implements LogSender {
  readonly confirmAfterMs = 1000
  onLost: () => void = () => {}
  readonly #dial: () => Promise<Socket>
  readonly #encode: (entry: LogEntry) => Buffer | undefined
  #socket: Socket | undefined
  #failed: ((error: Error) => void) | undefined

  constructor(dial: () => Promise<Socket>, encode: (entry: LogEntry) => Buffer | undefined) {
    this.#dial = dial
    this.#encode = encode
  }

  async open(): Promise<void> {
    const socket = await this.#dial()
    this.#socket = socket
    const lost = (error?: Error): void => {
      if (this.#socket !== socket) return
      this.#failed?.(error ?? new Error('connection closed by the log server'))
      this.onLost()
    }
    // Nothing is expected; but only who reads learns of the end.
    socket.resume()
    socket.on('error', lost)
    socket.on('close', () => lost())
    socket.on('end', () => lost())
  }

  async send(entries: readonly LogEntry[]): Promise<void> {
    const socket = this.#socket
    if (!socket || socket.destroyed) throw new Error('not connected to the log server')
    const messages = entries.map(this.#encode).filter((message) => message !== undefined)
    if (messages.length === 0) return
    await new Promise<void>((resolve, reject) => {
      this.#failed = reject
      socket.write(Buffer.concat(messages), (error) => (error ? reject(error) : resolve()))
    })
    this.#failed = undefined
  }

  close(): void {
    const socket = this.#socket
    this.#socket = undefined
    this.#failed?.(new Error('connection to the log server closed'))
    this.#failed = undefined
    if (!socket) return
    socket.on('error', () => {})
    // What the kernel has already taken still goes out.
    if (socket.writableLength === 0) socket.end(() => socket.destroy())
    else socket.destroy()
  }
}
