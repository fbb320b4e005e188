/** Builds that ran: rows, the newest ones; those at work are in memory. */
import type { BuildRecord, BuildSummary } from '@tdocker/api'
import { notFound } from '../../base/errors.ts'
import { randomId } from '../../base/random-id.ts'
import { type Statement, type Store, sql } from '../../store/store.ts'
import type { BuildOptions } from '../build-backend.ts'
import { type BuildEnd, Recording } from './recording.ts'

/** More are forgotten, the oldest first, unless daemon.json says otherwise. */
const KEPT = 200
const ID_LENGTH = 24

export class BuildHistory {
  readonly #store: Store
  readonly #log: (what: string, error: unknown) => void
  readonly #maxEntries: number
  readonly #maxAge: number
  readonly #running = new Map<string, Recording>()

  constructor(o: {
    store: Store
    limits: { maxEntries: number; maxAgeMs: number } | undefined
    log: (what: string, error: unknown) => void
  }) {
    const { store, limits, log } = o
    this.#maxEntries = limits?.maxEntries || KEPT
    this.#maxAge = limits?.maxAgeMs || Infinity
    this.#store = store
    this.#log = log
  }

  /** Notes down a build from now on; its row comes at its end. */
  begin(options: BuildOptions): Recording {
    const recording = new Recording(randomId().slice(0, ID_LENGTH), options, Date.now())
    this.#running.set(recording.id, recording)
    return recording
  }

  /**
   * Nobody waits for the row, which comes when the client is answered, with what else is to be written
   * then; a build whose daemon was killed has none.
   */
  end(recording: Recording, end: BuildEnd, beside: readonly Statement[]): void {
    const now = Date.now()
    recording.end(end, now)
    const { id, createdAt } = recording
    const json = JSON.stringify(recording.record(now))
    const row = [
      sql`INSERT INTO build_history (id, created_at, record_json) VALUES (${id}, ${createdAt}, ${json})`,
      sql`DELETE FROM build_history WHERE id NOT IN
              (SELECT id FROM build_history ORDER BY created_at DESC, rowid DESC LIMIT ${this.#maxEntries})`,
      sql`DELETE FROM build_history WHERE created_at < ${Math.max(0, now - this.#maxAge)}`,
    ]
    const write = (): Promise<void> =>
      this.#store
        .write([...beside, ...row])
        .catch((error: unknown) => this.#log('history of a build', error))
        // Until its row can be read.
        .finally(() => this.#running.delete(id))
    setImmediate(() => void write())
  }

  /** The newest first. */
  list(): BuildSummary[] {
    return this.#all().map(
      ({
        Steps: _steps,
        Context: _context,
        Dockerfile: _dockerfile,
        Target: _target,
        Platform: _platform,
        NoCache: _noCache,
        BuildArgs: _args,
        Client: _client,
        Error: _error,
        ...summary
      }) => summary,
    )
  }

  /** By id, the beginning of one, or `latest`. Throws notFound. */
  inspect(name: string): BuildRecord {
    const all = this.#all()
    const found = name === 'latest' ? all.slice(0, 1) : all.filter(({ Id }) => Id.startsWith(name))
    const exact = found.find(({ Id }) => Id === name) ?? (found.length === 1 ? found[0] : undefined)
    if (name !== '' && exact) return exact
    throw notFound(`No such build: ${name}`)
  }

  #all(): BuildRecord[] {
    const now = Date.now()
    const running = [...this.#running.values()]
    const rows = this.#store.all<{ id: string; record_json: string }>(
      `SELECT id, record_json FROM build_history WHERE created_at >= ?
       ORDER BY created_at DESC, rowid DESC`,
      Math.max(0, now - this.#maxAge),
    )
    const written = rows.filter(({ id }) => !this.#running.has(id))
    return [
      ...running.map((recording) => recording.record(now)),
      ...written.map(({ record_json }) => JSON.parse(record_json) as BuildRecord),
    ].toSorted((a, b) => (a.CreatedAt < b.CreatedAt ? 1 : a.CreatedAt > b.CreatedAt ? -1 : 0))
  }
}
