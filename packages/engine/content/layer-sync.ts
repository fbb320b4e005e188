import type { Native } from '@tdocker/kernel'
import { type Store, sql } from '../store/store.ts'

interface LayerSyncOptions {
  store: Store
  native: Pick<Native, 'syncFs'>
  /** On the file system of the layers. */
  directory: string
  onError: (what: string, error: unknown) => void
}

/** Marks layers durable once their file system was synced; in the background, one run at a time. */
export class LayerSync {
  readonly #o: LayerSyncOptions
  #running: Promise<void> | undefined

  constructor(o: LayerSyncOptions) {
    this.#o = o
  }

  schedule(): void {
    this.#running ??= this.#run().finally(() => (this.#running = undefined))
  }

  async done(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    const { store, native, directory } = this.#o
    try {
      for (;;) {
        const rows = store.all<{ key: string }>(
          `SELECT key FROM layer WHERE state = 'ready' AND durable = 0`,
        )
        if (rows.length === 0) return
        await native.syncFs(directory)
        await store.write(
          rows.map(({ key }) => sql`UPDATE layer SET durable = 1 WHERE key = ${key}`),
        )
      }
    } catch (error) {
      this.#o.onError('sync of layers', error)
    }
  }
}
