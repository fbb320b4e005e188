import { copyFileSync, existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { MIGRATIONS } from './schema.sql.ts'
import { type SqlValue, type Statement, type Store, StoreError } from './store.ts'
import { COMPACT } from './compact.ts'
import type { WriteAnswer, WriteRequest } from './writer.ts'

/** Free bytes that are left in the file. */
const COMPACT_FROM = 8 << 20

/** Tells the writer to end. */
const END: WriteRequest = [0, []]

/**
 * Opens (and migrates) the database at `path`: mode 0600, WAL, synchronous=FULL, foreign keys on.
 * Throws StoreError when the file was written by a newer version or is not a database.
 */
export function openStore(o: { path: string }): Store {
  migrate(o.path)
  return new SqliteStore(o.path)
}

class SqliteStore implements Store {
  readonly #reader: Database.Database
  readonly #writer: Worker
  readonly #statements = new Map<string, Database.Statement>()
  readonly #pending = new Map<number, Pending>()
  readonly #changes = new Map<string, number>()
  /** Of this turn, not sent yet. */
  #queued: WriteRequest[] = []
  /** Texts the writer knows, by the order in which it got them, and the table each one changes. */
  readonly #texts = new Map<string, { number: number; table: string }>()
  #nextId = 1
  #closed = false
  #failure: StoreError | undefined

  constructor(path: string) {
    this.#reader = new Database(path, { readonly: true })
    // BigInt in, BigInt out: nanosecond times do not fit a double.
    this.#reader.defaultSafeIntegers(true)
    // Lists read what many pages hold; the default is 2 MB.
    this.#reader.pragma('cache_size = -16000')
    this.#writer = new Worker(writerUrl(), { workerData: { path }, name: 'store-writer' })
    this.#writer.on('message', (answers: WriteAnswer[]) => {
      for (const answer of answers) this.#settle(answer)
    })
    this.#writer.on('error', (error) => this.#fail(error))
    // Only unfinished writes keep the process alive.
    this.#writer.unref()
  }

  all<Row>(text: string, ...parameters: SqlValue[]): Row[] {
    return this.#statement(text)
      .all(...parameters)
      .map((row) => narrowIntegers(row) as Row)
  }

  get<Row>(text: string, ...parameters: SqlValue[]): Row | undefined {
    const row = this.#statement(text).get(...parameters)
    return row === undefined ? undefined : (narrowIntegers(row) as Row)
  }

  write(statements: readonly Statement[]): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#closed) return Promise.reject(new StoreError('SQLITE_MISUSE', 'store is closed'))
    const id = this.#nextId++
    const settled = Promise.withResolvers<void>()
    if (this.#pending.size === 0) this.#writer.ref()
    this.#queued.push([id, statements.map((statement) => this.#short(statement))])
    const tables = statements.map((statement) => this.#texts.get(statement.sql)?.table ?? '')
    this.#pending.set(id, { ...settled, tables })
    // What one turn writes is one message and one commit: waking the writer is most of the price.
    if (this.#queued.length === 1) queueMicrotask(() => this.#send())
    return settled.promise
  }

  #send(): void {
    const requests = this.#queued
    this.#queued = []
    this.#writer.postMessage(requests)
  }

  #short({ sql, parameters }: Statement): WriteRequest[1][number] {
    const known = this.#texts.get(sql)
    if (known === undefined) {
      this.#texts.set(sql, { number: this.#texts.size, table: tableOf(sql) })
    }
    return [known?.number ?? sql, parameters]
  }

  /** More than half of the file, and worth the writing of the rest. */
  async compact(): Promise<void> {
    const pragma = (name: string): number => Number(this.#reader.pragma(name, { simple: true }))
    const free = pragma('freelist_count')
    const isWorth = free * pragma('page_size') >= COMPACT_FROM && free * 2 > pragma('page_count')
    if (!isWorth) return
    try {
      await this.write([{ sql: COMPACT, parameters: [] }])
    } catch (error) {
      // What is needed meanwhile is not there: another time.
      if (!(error instanceof StoreError && error.code === 'SQLITE_FULL')) throw error
    }
  }

  changes(table: string): number {
    return this.#changes.get(table) ?? 0
  }

  async close(): Promise<void> {
    if (this.#closed) return
    await Promise.allSettled([...this.#pending.values()].map((p) => p.promise))
    this.#closed = true
    this.#reader.close()
    const exited = new Promise((resolve) => this.#writer.once('exit', resolve))
    this.#writer.ref()
    this.#writer.postMessage([END])
    await exited
  }

  #statement(text: string): Database.Statement {
    let statement = this.#statements.get(text)
    if (!statement) {
      statement = this.#reader.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  #settle(answer: WriteAnswer): void {
    const settled = this.#pending.get(answer.id)
    this.#pending.delete(answer.id)
    if (this.#pending.size === 0) this.#writer.unref()
    // Before anybody is told that it is done.
    for (const table of settled?.tables ?? []) this.#changes.set(table, this.changes(table) + 1)
    if (answer.error) settled?.reject(new StoreError(answer.error.code, answer.error.message))
    else settled?.resolve()
  }

  #fail(error: Error): void {
    this.#failure = new StoreError('SQLITE_ERROR', `the store's writer died: ${error.message}`)
    for (const settled of this.#pending.values()) settled.reject(this.#failure)
    this.#pending.clear()
  }
}

interface Pending extends PromiseWithResolvers<void> {
  tables: readonly string[]
}

const CHANGED_TABLE =
  /^\s*(?:(?:INSERT|REPLACE)(?:\s+OR\s+\w+)?\s+INTO|UPDATE|DELETE\s+FROM)\s+(\w+)/i

function tableOf(statement: string): string {
  return CHANGED_TABLE.exec(statement)?.[1]?.toLowerCase() ?? ''
}

/** Integers that a double holds exactly become numbers, the others stay bigint. */
function narrowIntegers(row: unknown): unknown {
  const record = row as Record<string, unknown>
  for (const key in record) {
    const value = record[key]
    if (
      typeof value === 'bigint' &&
      value <= BigInt(Number.MAX_SAFE_INTEGER) &&
      value >= BigInt(Number.MIN_SAFE_INTEGER)
    )
      record[key] = Number(value)
  }
  return record
}

function migrate(path: string): void {
  const existed = existsSync(path)
  const umask = process.umask(0o077)
  const database = new Database(path)
  process.umask(umask)
  try {
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    const version = database.pragma('user_version', { simple: true }) as number
    if (version > MIGRATIONS.length)
      throw new StoreError(
        'SQLITE_SCHEMA',
        `${path} has schema version ${version}, this daemon knows ${MIGRATIONS.length}: it was written by a newer tdockerd`,
      )
    if (version === MIGRATIONS.length) return
    if (existed && version > 0) {
      database.pragma('wal_checkpoint(TRUNCATE)')
      copyFileSync(path, `${path}.v${version}`)
    }
    database.transaction(() => {
      for (const migration of MIGRATIONS.slice(version)) database.exec(migration)
      database.pragma(`user_version = ${MIGRATIONS.length}`)
    })()
  } finally {
    database.close()
  }
}

/** The writer is a file of its own: beside this source, or beside the bundle's chunks. */
function writerUrl(): URL {
  const name = import.meta.url.endsWith('.ts') ? './writer.ts' : './writer.js'
  return new URL(name, import.meta.url)
}
