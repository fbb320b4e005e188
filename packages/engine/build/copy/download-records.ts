/** What servers said of their files, so that they can be asked whether one is still the same. */
import { createHash } from 'node:crypto'
import { type Store, sql } from '../../store/store.ts'

export interface DownloadRecord {
  etag: string
  /** `Last-Modified`, as it was said. */
  modified: string
  name: string
  /** Of the content. */
  digest: string
}

const KEPT_MS = 90 * 24 * 3600 * 1000

export class DownloadRecords {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  find(url: URL): DownloadRecord | undefined {
    return this.#store.get<DownloadRecord & object>(
      'SELECT etag, modified, name, digest FROM build_download WHERE url_digest = ?',
      keyOf(url),
    )
  }

  /** Only of what a server can be asked about. */
  async note(url: URL, record: DownloadRecord): Promise<void> {
    const now = Date.now()
    const key = keyOf(url)
    if (record.etag === '' && record.modified === '')
      return this.#store.write([sql`DELETE FROM build_download WHERE url_digest = ${key}`])
    const { etag, modified, name, digest } = record
    await this.#store.write([
      sql`DELETE FROM build_download WHERE used_at < ${now - KEPT_MS}`,
      sql`INSERT OR REPLACE INTO build_download (url_digest, etag, modified, name, digest, used_at)
          VALUES (${key}, ${etag}, ${modified}, ${name}, ${digest}, ${now})`,
    ])
  }
}

/** Addresses may hold passwords. */
function keyOf(url: URL): string {
  return createHash('sha256').update(url.href).digest('hex')
}
