/**
 * Progress of pull, push, load and build: JSON objects, each ended by CR LF, each flushed at once.
 * The first one decides that the status is 200; an error before it has a status of its own, one
 * after it is told in-band.
 */
import type { ProgressMessage } from './backend.ts'
import { messageOf } from './errors.ts'
import { type Exchange, stringify } from './exchange.ts'

/** Beyond this much unsent, mere counters are dropped: a slow client misses steps, no facts. */
const patience = 1 << 20

export class ProgressStream {
  readonly #x: Exchange
  readonly #errorsInBand: boolean
  #unsent = ''

  /** With `errorsInBand` the status is 200 whatever happens. */
  constructor(x: Exchange, o: { errorsInBand?: boolean } = {}) {
    this.#x = x
    this.#errorsInBand = o.errorsInBand ?? false
  }

  /** Resolves when a client that does not keep up has read on, or is gone. */
  untilTold(): Promise<void> | undefined {
    const { response } = this.#x
    if (response.destroyed || response.writableLength + this.#unsent.length <= patience) return
    this.#flush()
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done).off('close', done)
        resolve()
      }
      response.once('drain', done).once('close', done)
    })
  }

  async run(work: (progress: (message: ProgressMessage) => void) => Promise<void>): Promise<void> {
    const x = this.#x
    try {
      await work((message) => this.#send(message))
    } catch (error) {
      if (!x.begun && !this.#errorsInBand) throw error
      const message = messageOf(error)
      const code = (error as { exitCode?: unknown }).exitCode
      const told = typeof code === 'number' ? { code, message } : { message }
      this.#write({ errorDetail: told, error: message })
    }
    if (!x.begun) x.open('application/json')
    this.#flush()
    x.end()
  }

  #send(message: ProgressMessage): void {
    const counter = message.progressDetail?.current !== undefined
    if (counter && this.#x.response.writableLength + this.#unsent.length > patience) return
    this.#write(message)
  }

  #write(message: ProgressMessage): void {
    const { response, signal } = this.#x
    if (response.destroyed || signal.aborted) return
    // With its head: a packet costs more than what is in it.
    if (!this.#x.begun) response.writeHead(200, { 'Content-Type': 'application/json' })
    if (this.#unsent === '') setImmediate(() => this.#flush())
    this.#unsent += `${stringify(message)}\r\n`
  }

  /** What is said in one turn of the event loop is one write. */
  #flush(): void {
    const { response, signal } = this.#x
    const text = this.#unsent
    this.#unsent = ''
    if (text !== '' && !response.destroyed && !signal.aborted) response.write(text)
  }
}
