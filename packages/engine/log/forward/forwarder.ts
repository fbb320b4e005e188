import { Changes } from '../changes.ts'
import type { LogFiles } from '../log-files.ts'
import { LogCursor } from './log-cursor.ts'
import type { LogSender } from './sender.ts'

const TICK_MS = 100
const SAVE_EVERY_MS = 1000
const REPORT_EVERY_BYTES = 1024 * 1024
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 10_000

export interface ForwarderOptions {
  files: LogFiles
  sender: LogSender
  /** Connected already: the start has tried it. */
  isOpen: boolean
  /** Where an earlier forwarder came to. */
  confirmed: number
  /** Non-blocking: bytes the server may lag before lines are dropped. */
  bufferLimit: number | undefined
  /** Tells the shim how far we are. Never rejects. */
  report(place: { sent: number; confirmed: number }): Promise<void>
  /** Makes `confirmed` durable. Never rejects. */
  save(confirmed: number): Promise<void>
  warn(fields: object, message: string): void
}

/**
 * Sends one container's log to its server: in order, at least once. After a broken connection it
 * begins again at what is confirmed, so some lines come twice.
 */
export class Forwarder {
  readonly #o: ForwarderOptions
  readonly #cursor: LogCursor
  readonly #changes: Changes
  readonly #finished = Promise.withResolvers<void>()
  readonly #timer: NodeJS.Timeout
  /** Sent, and when; confirmed once old enough. */
  #unconfirmed: Array<{ place: number; atMs: number }> = []
  #confirmed: number
  #sent: number
  #saved: number
  #savedAtMs = 0
  #reported = { sent: -1, confirmed: -1 }
  #connected: boolean
  #isLost = false
  #closed = false
  #writers = 0
  #wakeEarly: (() => void) | undefined
  /** Non-blocking: what is sent before the rest is dropped. */
  #window: { until: number; resumeAt: number } | undefined
  /** Lines that waited for this daemon to start are never dropped. */
  #exemptUntil: number | undefined

  constructor(o: ForwarderOptions) {
    this.#o = o
    this.#confirmed = this.#sent = this.#saved = o.confirmed
    this.#connected = o.isOpen
    this.#cursor = new LogCursor(o.files, o.confirmed)
    this.#changes = new Changes(o.files)
    o.sender.onLost = () => {
      this.#isLost = true
      this.#changes.signal()
    }
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref()
    void this.#run()
  }

  get sent(): number {
    return this.#sent
  }

  get confirmed(): number {
    return this.#confirmed
  }

  get isConnected(): boolean {
    return this.#connected
  }

  /** Resolves when the log's writer has ended and all of it is confirmed, or after `close`. */
  get finished(): Promise<void> {
    return this.#finished.promise
  }

  /** A shim begins to write; what is answered says that it has ended. undefined when it is too late. */
  addWriter(): (() => void) | undefined {
    if (this.#closed) return undefined
    this.#writers++
    return () => {
      this.#writers--
      this.#changes.signal()
    }
  }

  /** Stops where it is. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      this.#changes.signal()
      this.#wakeEarly?.()
      // A send that hangs on a server that does not read ends with its connection.
      this.#o.sender.close()
    }
    await this.#finished.promise
  }

  async #run(): Promise<void> {
    let delayMs = RETRY_MIN_MS
    while (!this.#closed) {
      try {
        await this.#connect()
        if (!(await this.#sendNext()) && (await this.#idle())) this.#closed = true
        delayMs = RETRY_MIN_MS
      } catch (err) {
        if (this.#closed) break
        this.#o.warn({ err }, 'log server not reached')
        await this.#disconnect()
        await this.#sleep(delayMs)
        delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)
      }
    }
    clearInterval(this.#timer)
    this.#o.sender.close()
    this.#changes[Symbol.dispose]()
    await this.#cursor[Symbol.asyncDispose]()
    if (this.#saved !== this.#confirmed) await this.#o.save(this.#confirmed)
    this.#finished.resolve()
  }

  async #connect(): Promise<void> {
    if (this.#isLost) await this.#disconnect()
    this.#exemptUntil ??= await this.#cursor.end()
    if (this.#connected) return
    await this.#o.sender.open()
    this.#connected = true
  }

  /** What was not confirmed is sent again. */
  async #disconnect(): Promise<void> {
    this.#o.sender.close()
    this.#connected = this.#isLost = false
    this.#unconfirmed = []
    this.#window = undefined
    await this.#cursor.seek(this.#confirmed)
  }

  /** false at the end of the log. */
  async #sendNext(): Promise<boolean> {
    await this.#dropExcess()
    const entries = await this.#cursor.read()
    if (!entries) return false
    if (entries.length > 0) await this.#o.sender.send(entries)
    this.#passed()
    if (this.#sent - this.#reported.sent >= REPORT_EVERY_BYTES) this.#report()
    return true
  }

  #passed(): void {
    this.#sent = this.#cursor.position
    this.#unconfirmed.push({ place: this.#sent, atMs: Date.now() })
  }

  /** As a ring buffer that is full: the oldest lines are kept, what came since is not. */
  async #dropExcess(): Promise<void> {
    const { bufferLimit } = this.#o
    const { position } = this.#cursor
    if (bufferLimit === undefined || position < (this.#exemptUntil ?? 0)) return
    if (!this.#window) {
      const end = await this.#cursor.end()
      if (end - position > bufferLimit)
        this.#window = { until: position + bufferLimit, resumeAt: end }
    } else if (position >= this.#window.until) {
      const { resumeAt } = this.#window
      this.#window = undefined
      if (resumeAt <= position) return
      this.#o.warn({ bytes: resumeAt - position }, 'log server too slow: lines dropped')
      await this.#cursor.seek(resumeAt, true)
      this.#passed()
    }
  }

  /** Waits for more. true when there will be none. */
  async #idle(): Promise<boolean> {
    if (this.#writers === 0 && this.#confirmed === this.#cursor.position) return true
    await this.#changes.next()
    return false
  }

  #tick(): void {
    const oldest = Date.now() - this.#o.sender.confirmAfterMs
    const open = this.#unconfirmed.findIndex(({ atMs }) => atMs > oldest)
    const done = this.#unconfirmed.splice(0, open === -1 ? this.#unconfirmed.length : open)
    this.#confirmed = done.at(-1)?.place ?? this.#confirmed
    if (done.length > 0) this.#changes.signal()
    this.#report()
    if (this.#saved === this.#confirmed || Date.now() - this.#savedAtMs < SAVE_EVERY_MS) return
    this.#saved = this.#confirmed
    this.#savedAtMs = Date.now()
    void this.#o.save(this.#confirmed)
  }

  #report(): void {
    const place = { sent: this.#sent, confirmed: this.#confirmed }
    if (place.sent === this.#reported.sent && place.confirmed === this.#reported.confirmed) return
    this.#reported = place
    void this.#o.report(place)
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wakeEarly = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
