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
  onOom: () => void
}): Disposable {
  const fd = o.native.oomEventFd(o.directory)
  let seen = o.kills() ?? 0
  let closed = false
  let wait: ReturnType<Native['waitReadable']> | undefined

  const run = async (): Promise<void> => {
    while (!closed) {
      wait = o.native.waitReadable(fd)
      if (!(await wait.readable) || closed) break
      o.native.readFd(fd, 8)
      await retry(() => closed || (o.kills() ?? seen + 1) > seen)
      const now = o.kills()
      if (closed || now === undefined) break
      if (now > seen) {
        seen = now
        o.onOom()
      }
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
  onOom: () => void
}): Disposable {
  let seen = o.kills() ?? 0
  const watcher = watch(o.file, { persistent: false }, () => {
    const now = o.kills()
    if (now === undefined) return watcher.close()
    if (now > seen) {
      seen = now
      o.onOom()
    }
  })
  watcher.on('error', () => watcher.close())
  return { [Symbol.dispose]: () => watcher.close() }
}
