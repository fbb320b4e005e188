/** What is done every minute, in the background. */

const EVERY_MS = 60_000

export class Housekeeping {
  readonly #o: {
    tasks: Readonly<Record<string, () => Promise<void>>>
    onError: (what: string, error: unknown) => void
  }
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(o: {
    tasks: Readonly<Record<string, () => Promise<void>>>
    onError: (what: string, error: unknown) => void
  }) {
    this.#o = o
  }

  start(): void {
    this.#timer ??= setInterval(() => this.run(), EVERY_MS).unref()
    this.run()
  }

  /** One round; none begins while another one is under way. */
  run(): void {
    this.#running ??= this.#run().finally(() => (this.#running = undefined))
  }

  async #run(): Promise<void> {
    for (const [what, task] of Object.entries(this.#o.tasks)) {
      try {
        await task()
      } catch (error) {
        this.#o.onError(what, error)
      }
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }
}
