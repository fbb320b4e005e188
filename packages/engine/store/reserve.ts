import { rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** As much as the write-ahead log takes between two checkpoints: no row is too many to delete. */
const RESERVE_BYTES = 4 << 20

/**
 * A file beside the database that holds room for deleting rows: what removes things has to work on
 * a full disk, or nothing would ever make room again.
 */
export class Reserve {
  readonly #path: string
  #held = false

  constructor(path: string) {
    this.#path = path
    this.#held = statSync(path, { throwIfNoEntry: false })?.size === RESERVE_BYTES
    this.refill()
  }

  /** Gives the room up; false when it was already. */
  release(): boolean {
    if (!this.#held) return false
    rmSync(this.#path, { force: true })
    this.#held = false
    return true
  }

  /** Takes the room (again) when there is twice as much; cheap while there is not. */
  refill(): void {
    if (this.#held) return
    try {
      const { bavail, bsize } = statfsSync(dirname(this.#path))
      if (bavail * bsize < 2 * RESERVE_BYTES) return
      writeFileSync(this.#path, Buffer.alloc(RESERVE_BYTES, 'room'), { mode: 0o600 })
      this.#held = true
    } catch {
      // Somebody was quicker: not one byte of what is left is to be kept.
      rmSync(this.#path, { force: true })
    }
  }
}
