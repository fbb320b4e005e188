import { KeyedLock } from '../base/keyed-lock.ts'
import type { LogFiles } from './log-files.ts'

/** Where one reader of a numbered log is. */
export interface LogReader extends Disposable {
  /** Inode of the file it will look for the successor of; undefined while it opens files. */
  inode: bigint | undefined
}

/**
 * Who reads numbered logs. Their readers know a file by its inode, which a compressed copy does not
 * share: so what a follower has not read yet is not replaced, and nothing while files are opened.
 */
export class LogReaders {
  readonly #locks = new KeyedLock()
  readonly #readers = new Map<string, Set<LogReader>>()

  /** Opens files or replaces one: never both at a time. */
  exclusive<T>(files: LogFiles, work: () => Promise<T>): Promise<T> {
    return this.#locks.run(files.path, work)
  }

  enter(files: LogFiles): LogReader {
    const all = this.#readers.get(files.path) ?? new Set()
    this.#readers.set(files.path, all)
    const reader: LogReader = {
      inode: undefined,
      [Symbol.dispose]: () => {
        all.delete(reader)
        if (all.size === 0) this.#readers.delete(files.path)
      },
    }
    all.add(reader)
    return reader
  }

  /** Whether a reader is at the file with this inode. */
  isAt(files: LogFiles, inode: bigint): boolean {
    const all = this.#readers.get(files.path)
    return all !== undefined && [...all].some((reader) => reader.inode === inode)
  }
}
