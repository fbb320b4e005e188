import { watch } from 'node:fs'
import type { Native } from '../native.ts'
import { retry } from './tree.ts'

export type OomNative = Pick<Native, 'oomEventFd' | 'waitReadable' | 'readFd' | 'closeFd'>

/**
 * v1: an eventfd of `memory.oom_control`. It fires when memory runs out, before a victim is dead,
 * and once more when the group is removed; so only a counter that went up counts.
 */
export function watchOomV1(o: {
  native: OomNative
  directory: string
  /** The kernel's counter; undefined when the group is gone. */
  kills: () => number | undefined
  /** Memory ran out and nobody may be killed for it: everything waits. */
  isStuck: () => boolean
  told: number
  onOom: (kills: number) => void
}): Disposable {
  const fd = o.native.oomEventFd(o.directory)
  const counter = new KillCounter(o)
  let closed = false
  let wait: ReturnType<Native['waitReadable']> | undefined

  const run = async (): Promise<void> => {
    // Not while the caller has not got its handle yet.
    await Promise.resolve()
    if (!closed) counter.look()
    while (!closed) {
      wait = o.native.waitReadable(fd)
      if (!(await wait.readable) || closed) break
      o.native.readFd(fd, 8)
      // Only a counter that went up counts, and the group must still be there.
      await retry(() => closed || o.isStuck() || counter.look() !== 'same')
      if (!closed && o.isStuck()) o.onOom(counter.told)
      if (closed || counter.look() === 'gone') break
    }
    if (!closed) dispose()
  }
  const dispose = (): void => {
    if (closed) return
    closed = true
    wait?.cancel()
    o.native.closeFd(fd)
  }
  void run().catch(dispose)
  return { [Symbol.dispose]: dispose }
}

/** v2: the kernel modifies `memory.events` (inotify) when a counter in it changes. */
export function watchOomV2(o: {
  file: string
  kills: () => number | undefined
  told: number
  onOom: (kills: number) => void
}): Disposable {
  const counter = new KillCounter(o)
  const watcher = watch(o.file, { persistent: false }, () => {
    if (counter.look() === 'gone') watcher.close()
  })
  watcher.on('error', () => watcher.close())
  let disposed = false
  queueMicrotask(() => {
    if (!disposed) counter.look()
  })
  const dispose = (): void => {
    disposed = true
    watcher.close()
  }
  return { [Symbol.dispose]: dispose }
}

/** The kernel's count of kills, and how many of them were told. */
class KillCounter {
  readonly #kills: () => number | undefined
  readonly #onOom: (kills: number) => void
  #told: number

  constructor(o: {
    kills: () => number | undefined
    told: number
    onOom: (kills: number) => void
  }) {
    this.#kills = o.kills
    this.#told = o.told
    this.#onOom = o.onOom
  }

  get told(): number {
    return this.#told
  }

  look(): 'gone' | 'same' | 'grew' {
    const now = this.#kills()
    if (now === undefined) return 'gone'
    if (now <= this.#told) return 'same'
    this.#told = now
    this.#onOom(now)
    return 'grew'
  }
}
