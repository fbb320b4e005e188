import type { Native } from '@tdocker/kernel'

const SPARE = 2

/**
 * Network namespaces made ahead: one takes the kernel longer than anything else on the way of a
 * start. They have no name and vanish with the daemon.
 */
export class NetnsPool {
  readonly #native: Pick<Native, 'netnsCreate' | 'closeFd'>
  readonly #sysctls: Readonly<Record<string, string>>
  readonly #spare: Array<Promise<number>> = []
  #closed = false

  constructor(
    native: Pick<Native, 'netnsCreate' | 'closeFd'>,
    sysctls: Readonly<Record<string, string>>,
  ) {
    this.#native = native
    this.#sysctls = sysctls
  }

  /** Descriptor of a fresh namespace with `lo` up, owned by the caller. */
  take(): Promise<number> {
    const netns = this.#spare.shift() ?? this.#create()
    // Not before the caller's own next steps are under way.
    setImmediate(() => this.#refill())
    return netns
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const netns of this.#spare.splice(0)) {
      await netns.then(
        (fd) => this.#native.closeFd(fd),
        () => undefined,
      )
    }
  }

  #refill(): void {
    while (!this.#closed && this.#spare.length < SPARE) {
      const netns = this.#create()
      this.#spare.push(netns)
      netns.catch(() => this.#forget(netns))
    }
  }

  /** One that could not be made: the next caller tries itself and gets the error. */
  #forget(netns: Promise<number>): void {
    const index = this.#spare.indexOf(netns)
    if (index >= 0) void this.#spare.splice(index, 1)
  }

  #create(): Promise<number> {
    return this.#native.netnsCreate({ sysctls: this.#sysctls })
  }
}
