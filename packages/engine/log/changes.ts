import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { LogFiles } from './log-files.ts'

const POLL_MS = 500

/** Tells of changes of a log's directory, and of whatever else `signal` is called for. */
export class Changes implements Disposable {
  #changed = false
  #wake: (() => void) | undefined
  #stop: () => void = () => {}

  constructor(files: LogFiles) {
    const name = basename(files.path)
    try {
      const watcher = watch(dirname(files.path), { persistent: false }, (_, file) => {
        if (file === null || file.startsWith(name)) this.signal()
      })
      watcher.on('error', () => this.signal())
      this.#stop = () => watcher.close()
    } catch {
      // No directory yet, or no watch left (fs.inotify.max_user_watches): look now and then.
      const timer = setInterval(() => this.signal(), POLL_MS).unref()
      this.#stop = () => clearInterval(timer)
    }
  }

  /** Resolves when something changed since the last call. */
  async next(): Promise<void> {
    if (!this.#changed) await new Promise<void>((resolve) => (this.#wake = resolve))
    this.#changed = false
  }

  signal(): void {
    this.#changed = true
    this.#wake?.()
  }

  [Symbol.dispose](): void {
    this.#stop()
  }
}
