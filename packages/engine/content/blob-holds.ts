/** Who works with which blob's file, and when each was last used. */
import { rm } from 'node:fs/promises'
import { type Store, sql } from '../store/store.ts'
import type { ContentPaths } from './content-paths.ts'
import { removeAside } from './remove-aside.ts'

interface HoldOptions {
  store: Store
  paths: ContentPaths
  onError: (what: string, error: unknown) => void
  /** Nobody holds some blob any more. */
  onFree: () => void
}

export class BlobHolds {
  readonly #o: HoldOptions
  readonly #held = new Map<string, number>()
  /** Blobs that lost their row while somebody held them: their files go with the last holder. */
  readonly #stray = new Set<string>()
  readonly #leaving = new Set<string>()
  /** Uses that are not in a row yet; milliseconds since 1970. */
  readonly #used = new Map<string, number>()

  constructor(o: HoldOptions) {
    this.#o = o
  }

  isHeld(digest: string): boolean {
    return this.#held.has(digest)
  }

  /** Whether its row goes, or went, and its file follows. */
  isLeaving(digest: string): boolean {
    return this.#leaving.has(digest)
  }

  /** Call before the rows go; answers what to call when the files are gone, too. */
  leave(digests: readonly string[]): () => void {
    const fresh = digests.filter((digest) => !this.#leaving.has(digest))
    for (const digest of fresh) this.#leaving.add(digest)
    return () => fresh.forEach((digest) => this.#leaving.delete(digest))
  }

  hold(digest: string, { isUse }: { isUse: boolean }): () => void {
    this.#held.set(digest, (this.#held.get(digest) ?? 0) + 1)
    if (isUse) this.#used.set(digest, Date.now())
    let held = true
    return () => {
      if (held) this.#release(digest)
      held = false
    }
  }

  #release(digest: string): void {
    const left = (this.#held.get(digest) ?? 1) - 1
    if (left > 0) return void this.#held.set(digest, left)
    this.#held.delete(digest)
    if (this.#stray.delete(digest))
      this.removeStray(digest).catch((error: unknown) => this.#o.onError(`blob ${digest}`, error))
    this.#o.onFree()
  }

  /** Removes a file that no row speaks of; where somebody holds it, when they are done. */
  async removeStray(digest: string): Promise<void> {
    if (this.#o.store.get('SELECT 1 FROM blob WHERE digest = ?', digest)) return
    if (this.isHeld(digest)) return void this.#stray.add(digest)
    await removeAside(this.#o.paths.blob(digest), (path) => rm(path, { force: true }))
  }

  /** Brings noted uses into the rows; what cannot be written now is kept for the next time. */
  async flushUse(): Promise<void> {
    const noted = [...this.#used]
    if (noted.length === 0) return
    await this.#o.store.write(
      noted.map(
        ([digest, at]) =>
          sql`UPDATE blob SET last_used_at = max(last_used_at, ${at}) WHERE digest = ${digest}`,
      ),
    )
    for (const [digest, at] of noted) if (this.#used.get(digest) === at) this.#used.delete(digest)
  }
}
