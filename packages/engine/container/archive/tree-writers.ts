import { conflict } from '../../base/errors.ts'

/**
 * Who writes into containers' trees. The kernel lets one upper directory be mounted twice and
 * promises nothing then, so writers of a container that does not run share one mount, and a start or
 * removal waits for them to end.
 */
export interface TreeWriter {
  /** Aborted when the writer has to stop. */
  readonly signal: AbortSignal
  leave(): void
}

const interrupted = (): Error =>
  conflict('the container was started or removed while the archive was being unpacked')

interface Mounted {
  readonly fd: Promise<number>
  readonly close: (fd: number) => void
  writers: number
}

export class TreeWriters {
  readonly #writers = new Map<string, Map<AbortController, Promise<void>>>()
  readonly #mounted = new Map<string, Mounted>()

  /** Into the root of a running container. */
  enterLive(id: string): TreeWriter {
    return this.#enter(id, () => {})
  }

  /** Into the mount that `open` makes, or that another writer has made. Call under the lock. */
  async enterMounted(
    id: string,
    open: () => Promise<number>,
    close: (fd: number) => void,
  ): Promise<TreeWriter & { fd: number }> {
    // Of a run that ended: they still write into its mount.
    if (!this.#mounted.has(id)) await this.settle(id)
    const mounted = this.#mounted.get(id) ?? { fd: open(), close, writers: 0 }
    this.#mounted.set(id, mounted)
    mounted.writers++
    try {
      const fd = await mounted.fd
      return { fd, ...this.#enter(id, () => this.#leaveMounted(id, mounted, fd)) }
    } catch (error) {
      mounted.writers--
      if (this.#mounted.get(id) === mounted) this.#mounted.delete(id)
      throw error
    }
  }

  /** Lets writers end for `graceMs`, then stops them. Call under the container's lock. */
  async settle(id: string, graceMs = 0): Promise<void> {
    const writers = this.#writers.get(id)
    if (!writers || writers.size === 0) return
    const stop = setTimeout(() => {
      for (const controller of writers.keys()) controller.abort(interrupted())
    }, graceMs)
    await Promise.all(writers.values())
    clearTimeout(stop)
  }

  #enter(id: string, left: () => void): TreeWriter {
    const controller = new AbortController()
    const { promise, resolve } = Promise.withResolvers<void>()
    const writers = this.#writers.get(id) ?? new Map<AbortController, Promise<void>>()
    this.#writers.set(id, writers)
    writers.set(controller, promise)
    const leave = (): void => {
      writers.delete(controller)
      if (writers.size === 0 && this.#writers.get(id) === writers) this.#writers.delete(id)
      left()
      resolve()
    }
    return { signal: controller.signal, leave }
  }

  #leaveMounted(id: string, mounted: Mounted, fd: number): void {
    if (--mounted.writers > 0) return
    if (this.#mounted.get(id) === mounted) this.#mounted.delete(id)
    mounted.close(fd)
  }
}
