/** What is done every minute and every hour, in the background. */

const EVERY_MS = 60_000
const ROUNDS_OF_AN_HOUR = 60

type Tasks = Readonly<Record<string, () => Promise<void>>>

interface HousekeepingOptions {
  tasks: Tasks
  /** Not done in the first round: a start does the same. */
  hourly: Tasks
  onError: (what: string, error: unknown) => void
}

export class Housekeeping {
  readonly #o: HousekeepingOptions
  #round = 0
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(o: HousekeepingOptions) {
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
    const isFullHour = ++this.#round % ROUNDS_OF_AN_HOUR === 0
    const tasks = { ...this.#o.tasks, ...(isFullHour && this.#o.hourly) }
    for (const [what, task] of Object.entries(tasks)) {
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
