/** Results of steps, as rows: what an operation on an image made, so that it need not run again. */
import { createHash } from 'node:crypto'
import { type Statement, type Store, sql } from '../../store/store.ts'

/** Another way of keying forgets what was made before. */
const FORMAT = 2

export interface StepKeyParts {
  /** Image that the step works on; empty for nothing. */
  parentId: string
  platform: string
  /** The operation as data. */
  operation: unknown
  /** Of the files it uses. */
  content: readonly string[]
}

export function stepKey(parts: StepKeyParts): string {
  return sha256([FORMAT, parts.parentId, parts.platform, parts.operation, parts.content])
}

/** What a step does, whatever image it does it to. */
export function stepDigest({
  platform,
  operation,
  content,
}: Omit<StepKeyParts, 'parentId'>): string {
  return sha256([FORMAT, platform, operation, content])
}

function sha256(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

export interface StepRow {
  key: string
  image_id: string
  parent_id: string
  description: string
  kind: string
  size: number
  created_at: number
  last_used_at: number
  uses: number
}

export class StepCache {
  readonly #store: Store
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(store: Store) {
    this.#store = store
  }

  /** The image a step made, when it is still there. */
  find(key: string): string | undefined {
    const row = this.#store.get<{ image_id: string }>(
      `SELECT image_id FROM build_step JOIN image ON image.id = image_id
       WHERE key = ? AND removed = 0`,
      key,
    )
    return row?.image_id
  }

  /** These were found just now. */
  usesOf(keys: readonly string[]): Statement[] {
    const now = Date.now()
    return keys.map(
      (key) => sql`UPDATE build_step SET last_used_at = ${now}, uses = uses + 1 WHERE key = ${key}`,
    )
  }

  /** For the transaction that makes the image. */
  record(o: {
    key: string
    imageId: string
    parentId: string
    description: string
    kind: string
    size: number
  }): Statement {
    const now = Date.now()
    return sql`INSERT INTO build_step
        (key, image_id, parent_id, description, kind, size, created_at, last_used_at)
      VALUES (${o.key}, ${o.imageId}, ${o.parentId}, ${o.description}, ${o.kind}, ${o.size}, ${now}, ${now})
      ON CONFLICT (key) DO UPDATE SET image_id = excluded.image_id, size = excluded.size,
        created_at = excluded.created_at, last_used_at = excluded.last_used_at`
  }

  /**
   * Runs `make` unless the same step is at work: then its end is waited for, and what it made is found.
   * Where it failed, the next one tries.
   */
  async once<T>(
    key: string,
    signal: AbortSignal,
    o: { find: () => Promise<T | undefined>; make: () => Promise<T> },
  ): Promise<T> {
    for (;;) {
      const running = this.#running.get(key)
      if (!running) break
      await untilAborted(running, signal)
      signal.throwIfAborted()
      const found = await o.find()
      if (found !== undefined) return found
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#running.set(key, promise)
    try {
      return await o.make()
    } finally {
      this.#running.delete(key)
      resolve()
    }
  }

  all(): StepRow[] {
    return this.#store.all<StepRow>(
      `SELECT key, image_id, parent_id, description, kind, size, created_at, last_used_at, uses
       FROM build_step ORDER BY last_used_at`,
    )
  }

  isRunning(key: string): boolean {
    return this.#running.has(key)
  }

  forget(keys: readonly string[]): Promise<void> {
    return this.#store.write(keys.map((key) => sql`DELETE FROM build_step WHERE key = ${key}`))
  }
}

async function untilAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = (): void => resolve()
  signal.addEventListener('abort', stop, { once: true })
  await Promise.race([work, promise])
  signal.removeEventListener('abort', stop)
}
