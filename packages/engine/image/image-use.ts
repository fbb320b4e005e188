/** When images were last used: at once in memory, in their rows some time later. */
import { type Statement, type Store, sql } from '../store/store.ts'

export class ImageUse {
  readonly #store: Store
  /** Uses that are not in a row yet; milliseconds since 1970. */
  readonly #fresh = new Map<string, number>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Created from, started, tagged, pushed, saved: a commit for each would be its own price. */
  touch(id: string): void {
    this.#fresh.set(id, Date.now())
  }

  /** Milliseconds since 1970 of every image that is not removed. */
  all(): Map<string, number> {
    const rows = this.#store.all<{ id: string; at: number }>(
      'SELECT id, last_used_at AS at FROM image WHERE removed = 0',
    )
    return new Map(rows.map(({ id, at }) => [id, Math.max(at, this.#fresh.get(id) ?? 0)]))
  }

  /** Brings what was noted into the rows; what cannot be written now is kept for the next time. */
  async flush(): Promise<void> {
    const noted = [...this.#fresh]
    if (noted.length === 0) return
    await this.#store.write(noted.map(([id, at]) => update(id, at)))
    for (const [id, at] of noted) if (this.#fresh.get(id) === at) this.#fresh.delete(id)
  }
}

function update(id: string, at: number): Statement {
  return sql`UPDATE image SET last_used_at = max(last_used_at, ${at}) WHERE id = ${id}`
}
