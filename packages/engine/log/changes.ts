import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { LogFiles } from './log-files.ts'

/** Tells of changes of a log's directory, and of whatever else `signal` is called for. */
export class Changes implements Disposable {
  #changed = false
  #wake: (() => void) | undefined
  readonly #watcher: FSWatcher

  /** Throws where the directory is missing. */
  constructor(files: LogFiles) {
    const name = basename(files.path)
    this.#watcher = watch(dirname(files.path), { persistent: false }, (_, file) => {
      if (file === null || file.startsWith(name)) this.signal()
    })
    this.#watcher.on('error', () => this.signal())
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
    this.#watcher.close()
  }
}
