import type { Native } from '@tdocker/kernel'

/** By then the kernel has usually taken the devices along with their namespace. */
const DELAY_MS = 500

export interface ReaperLog {
  warn(details: object, message: string): void
}

/**
 * Removes devices whose containers are gone. A delete blocks about 20 ms in the kernel and holds the
 * lock that starting containers need, so it waits, and skips what has gone by itself.
 */
export class LinkReaper {
  readonly #native: Pick<Native, 'linkList' | 'linkDelete'>
  readonly #log: ReaperLog
  readonly #names = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  constructor(native: Pick<Native, 'linkList' | 'linkDelete'>, log: ReaperLog) {
    this.#native = native
    this.#log = log
  }

  later(name: string): void {
    this.#names.add(name)
    this.#timer ??= setTimeout(() => void this.flush(), DELAY_MS).unref()
  }

  /** Removes them now. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#names.size === 0) return
    const names = [...this.#names]
    this.#names.clear()
    try {
      const present = new Set((await this.#native.linkList({})).map((link) => link.name))
      for (const name of names) {
        if (present.has(name)) await this.#native.linkDelete({ name })
      }
    } catch (error) {
      this.#log.warn({ err: error, links: names }, 'cannot remove network devices')
    }
  }
}
