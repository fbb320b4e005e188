import { type LogFiles, logSize } from './log-files.ts'

/** How much room logs take. Answers from memory: nobody waits for a disk. */
export interface LogUsage {
  /** Bytes of a container's log files when last looked at; undefined when that is yet to come. */
  sizeOf(containerId: string): number | undefined
  /** Logs that were larger than that when last looked at, largest first. */
  large(thresholdBytes: number): Array<{ id: string; bytes: number }>
  /** Looks now; for those who may wait. */
  refresh(): Promise<void>
}

const FRESH_MS = 10_000
const AT_ONCE = 8

/** Looks at all logs when somebody asks and the last look is too old. */
export class CachedLogUsage implements LogUsage {
  readonly #logs: () => Iterable<{ id: string; files: LogFiles }>
  #sizes = new Map<string, number>()
  #lookedAtMs = 0
  #running: Promise<void> | undefined

  constructor(logs: () => Iterable<{ id: string; files: LogFiles }>) {
    this.#logs = logs
  }

  sizeOf(containerId: string): number | undefined {
    this.#refreshWhenOld()
    return this.#sizes.get(containerId)
  }

  large(thresholdBytes: number): Array<{ id: string; bytes: number }> {
    this.#refreshWhenOld()
    return [...this.#sizes]
      .filter(([, bytes]) => bytes > thresholdBytes)
      .map(([id, bytes]) => ({ id, bytes }))
      .sort((a, b) => b.bytes - a.bytes)
  }

  refresh(): Promise<void> {
    this.#running ??= this.#look().finally(() => (this.#running = undefined))
    return this.#running
  }

  #refreshWhenOld(): void {
    if (Date.now() - this.#lookedAtMs >= FRESH_MS) void this.refresh()
  }

  async #look(): Promise<void> {
    const sizes = new Map<string, number>()
    const waiting = [...this.#logs()]
    const worker = async (): Promise<void> => {
      for (let log = waiting.pop(); log; log = waiting.pop())
        sizes.set(log.id, await logSize(log.files).catch(() => 0))
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    this.#sizes = sizes
    this.#lookedAtMs = Date.now()
  }
}
