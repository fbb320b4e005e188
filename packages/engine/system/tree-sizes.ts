import type { DirectorySizes } from '../container/needs.ts'
import { Semaphore } from '../content/semaphore.ts'
import { type Statement, sql, type Store } from '../store/store.ts'

/** Measures under way at a time: each holds a thread of the pool for as long as its tree is large. */
const CONCURRENCY = 2
/** A tree is left alone for so many times as long as its last measure took, … */
const REST_FACTOR = 10
/** … but not for longer than this. */
const MAX_REST_MS = 600_000
/** Only what took longer than this is worth a row. */
const WORTH_KEEPING_MS = 100
/** Directories remembered at a time. */
const MAX_KNOWN = 20_000
/** Rows not measured for so long belong to nobody any more. */
const KEEP_MS = 90 * 24 * 3600 * 1000

export interface TreeSizesOptions {
  store: Store
  /** Bytes below a directory; off the event loop, but of unbounded length. */
  treeSize(dir: string): Promise<{ bytes: number }>
  now?: () => number
  log: (what: string, error: unknown) => void
}

interface Known {
  bytes: number
  /** Milliseconds since 1970. */
  measuredAt: number
  tookMs: number
}

/**
 * Sizes of directories, measured in the background and remembered, over restarts where measuring
 * takes long. Whoever asks waits as long as they choose and then gets what is known.
 */
export class TreeSizes implements DirectorySizes {
  readonly #o: TreeSizesOptions
  readonly #now: () => number
  readonly #known: Map<string, Known>
  readonly #running = new Map<string, Promise<number>>()
  readonly #permits = new Semaphore(CONCURRENCY)

  constructor(o: TreeSizesOptions) {
    this.#o = o
    this.#now = o.now ?? Date.now
    this.#known = load(o.store)
  }

  /**
   * Sizes of all directories that are known within `waitMs`, those measured earlier included;
   * undefined for the others and for what cannot be read.
   */
  async within(dirs: readonly string[], waitMs: number): Promise<Map<string, number | undefined>> {
    const measures = dirs.map((dir) => this.#fresh(dir).catch(() => undefined))
    await Promise.race([Promise.all(measures), elapsed(waitMs)])
    return new Map(dirs.map((dir) => [dir, this.#known.get(dir)?.bytes]))
  }

  /** One size: what is known after `waitMs`, and the measured one however long it takes if nothing is. */
  async get(dir: string, waitMs: number): Promise<number> {
    const measure = this.#fresh(dir)
    if (!this.#known.has(dir)) return measure
    const last = await Promise.race([measure.catch(() => undefined), elapsed(waitMs)])
    return last ?? this.#known.get(dir)?.bytes ?? measure
  }

  #fresh(dir: string): Promise<number> {
    const known = this.#known.get(dir)
    if (known && this.#now() - known.measuredAt < restOf(known)) return Promise.resolve(known.bytes)
    let running = this.#running.get(dir)
    if (!running) {
      running = this.#measure(dir).finally(() => this.#running.delete(dir))
      this.#running.set(dir, running)
    }
    return running
  }

  async #measure(dir: string): Promise<number> {
    try {
      return await this.#permits.run(new AbortController().signal, async () => {
        const begun = this.#now()
        const { bytes } = await this.#o.treeSize(dir)
        this.#remember(dir, { bytes, measuredAt: this.#now(), tookMs: this.#now() - begun })
        return bytes
      })
    } catch (error) {
      this.#known.delete(dir)
      throw error
    }
  }

  #remember(dir: string, known: Known): void {
    this.#known.delete(dir)
    this.#known.set(dir, known)
    const [oldest] = this.#known.keys()
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest)
    if (known.tookMs < WORTH_KEEPING_MS) return
    this.#o.store
      .write([save(dir, known), forgetBefore(known.measuredAt - KEEP_MS)])
      .catch((error: unknown) => this.#o.log('keep the size of a directory', error))
  }
}

function restOf(known: Known): number {
  return Math.min(known.tookMs * REST_FACTOR, MAX_REST_MS)
}

function load(store: Store): Map<string, Known> {
  const rows = store.all<{ path: string; bytes: number; measured_at: number }>(
    'SELECT path, bytes, measured_at FROM tree_size',
  )
  return new Map(
    rows.map(({ path, bytes, measured_at: measuredAt }) => [
      path,
      { bytes, measuredAt, tookMs: WORTH_KEEPING_MS },
    ]),
  )
}

function save(path: string, { bytes, measuredAt }: Known): Statement {
  return sql`INSERT INTO tree_size(path, bytes, measured_at) VALUES (${path}, ${bytes}, ${measuredAt})
    ON CONFLICT (path) DO UPDATE SET bytes = excluded.bytes, measured_at = excluded.measured_at`
}

function forgetBefore(at: number): Statement {
  return sql`DELETE FROM tree_size WHERE measured_at < ${at}`
}

async function elapsed(ms: number): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  // The race may be over long before: nobody waits for this timer then.
  setTimeout(() => resolve(undefined), ms).unref()
  return promise
}
