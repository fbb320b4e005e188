import { closeSync, openSync, write } from 'node:fs'

/** From one write to the next: shorter than the grace period after which the kernel cools down. */
const EVERY_MS = 4
/** What lies between a client's create and its start. */
const KEEP_MS = 60

/**
 * Each write to a `cgroup.procs` takes one lock of the whole kernel, and the first after a quiet
 * moment waits for an RCU grace period (8 to 20 ms; percpu_rwsem, kernel/rcu/sync.c). Moving the
 * daemon into the group it is in already takes the same lock and changes nothing: done while a
 * client is still busy between create and start, it takes that wait off the start. A write while
 * it is warm costs some 50 µs, on a pool thread.
 */
export class JoinWarmth {
  readonly #procsFile: string
  #fd: number | undefined
  #until = 0
  #writing = false

  /** `procsFile`: `cgroup.procs` of the daemon's own group, of any hierarchy. */
  constructor(procsFile: string) {
    this.#procsFile = procsFile
  }

  /** A process will probably join some group within the next moments. */
  keep(): void {
    this.#until = performance.now() + KEEP_MS
    if (!this.#writing) this.#write()
  }

  close(): void {
    this.#until = 0
    if (this.#fd !== undefined && !this.#writing) closeSync(this.#fd)
    if (!this.#writing) this.#fd = undefined
  }

  #write(): void {
    this.#writing = true
    try {
      this.#fd ??= openSync(this.#procsFile, 'w')
    } catch {
      // Only a gain is lost.
      this.#writing = false
      return
    }
    write(this.#fd, String(process.pid), (error) => {
      if (error || performance.now() >= this.#until) this.#writing = false
      else setTimeout(() => this.#write(), EVERY_MS).unref()
    })
  }
}
