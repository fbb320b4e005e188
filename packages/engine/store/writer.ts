/**
 * The store's writer thread: holds the only write connection and commits everything that is queued
 * in one transaction (group commit). One request's failure rolls back that request alone.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { COMPACT } from './compact.ts'
import { Reserve } from './reserve.ts'
import type { SqlValue } from './store.ts'

/**
 * Id (0 asks the thread to end) and statements. A text is sent once; from then on its number stands
 * for it, counted from 0 in the order of first use.
 */
export type WriteRequest = [
  id: number,
  statements: Array<[text: string | number, parameters: readonly SqlValue[]]>,
]

export interface WriteAnswer {
  id: number
  error?: { code: string; message: string }
}

/** More would make one slow request hold up the others' answers for too long. */
const MAX_GROUP = 256

type Runnable = Database.Statement<SqlValue[]>

/** Texts in the order of their first use, and what they are once they have been run. */
const texts: Array<{ sql: string; statement?: Runnable }> = []

interface Request {
  id: number
  statements: Array<{ text: number; parameters: readonly SqlValue[] }>
}

interface Transaction {
  database: Database.Database
  begin: Runnable
  commit: Runnable
}

function main(port: MessagePort, path: string): void {
  const database = new Database(path)
  database.pragma('synchronous = FULL')
  database.pragma('foreign_keys = ON')
  const transaction = {
    database,
    begin: database.prepare<SqlValue[]>('BEGIN IMMEDIATE'),
    commit: database.prepare<SqlValue[]>('COMMIT'),
  }
  const reserve = new Reserve(`${path}.reserve`)
  port.on('message', (first: WriteRequest[]) => {
    const group = [...first, ...drain(port)]
    const requests = group.filter(([id]) => id !== 0).map(learn)
    const writes = requests.filter((request) => !isCompaction(request))
    const answers = [
      ...commitWith(reserve, transaction, writes),
      ...requests.filter(isCompaction).map((request) => compact(database, request)),
    ]
    if (answers.length > 0) port.postMessage(answers)
    reserve.refill()
    if (requests.length < group.length) {
      database.close()
      port.close()
    }
  })
}

function* drain(port: MessagePort): Generator<WriteRequest> {
  for (let n = 1; n < MAX_GROUP; n++) {
    const next = receiveMessageOnPort(port) as { message: WriteRequest[] } | undefined
    if (!next) return
    yield* next.message
  }
}

/** Every request must pass here, or the numbers of later texts are wrong. */
function learn([id, statements]: WriteRequest): Request {
  return {
    id,
    statements: statements.map(([text, parameters]) => ({
      text: typeof text === 'number' ? text : texts.push({ sql: text }) - 1,
      parameters,
    })),
  }
}

/** On a full disk what deletes rows gets a second try, with the room that was kept for it. */
function commitWith(
  reserve: Reserve,
  transaction: Transaction,
  requests: readonly Request[],
): WriteAnswer[] {
  const answers = commit(transaction, requests)
  const isFull = (answer: WriteAnswer): boolean => answer.error?.code === 'SQLITE_FULL'
  if (!answers.some(isFull)) return answers
  const failed = new Set(answers.filter(isFull).map(({ id }) => id))
  const deleting = requests.filter((request) => failed.has(request.id) && deletes(request))
  if (deleting.length === 0 || !reserve.release()) return answers
  const again = new Map(commit(transaction, deleting).map((answer) => [answer.id, answer]))
  return answers.map((answer) => again.get(answer.id) ?? answer)
}

function isCompaction({ statements }: Request): boolean {
  return statements.length === 1 && texts[statements[0]!.text]!.sql === COMPACT
}

/** Rewrites the file with what is in use, and cuts the log that this filled. */
function compact(database: Database.Database, { id }: Request): WriteAnswer {
  try {
    database.exec(COMPACT)
    database.pragma('wal_checkpoint(TRUNCATE)')
    return { id }
  } catch (error) {
    return { id, error: describe(error) }
  }
}

function deletes({ statements }: Request): boolean {
  return statements.some(({ text }) => /^\s*DELETE\b/i.test(texts[text]!.sql))
}

function commit({ database, ...o }: Transaction, requests: readonly Request[]): WriteAnswer[] {
  const [first] = requests
  if (first === undefined) return []
  try {
    o.begin.run()
    // One alone needs no savepoint: its failure is the transaction's.
    if (requests.length === 1) run(database, first)
    const answers =
      requests.length === 1
        ? [{ id: first.id }]
        : requests.map((request) => apply(database, request))
    o.commit.run()
    return answers
  } catch (error) {
    // The commit itself failed (disk full, I/O error): nobody's rows are there.
    if (database.inTransaction) database.exec('ROLLBACK')
    return requests.map(({ id }) => ({ id, error: describe(error) }))
  }
}

function apply(database: Database.Database, request: Request): WriteAnswer {
  const { id } = request
  database.exec('SAVEPOINT request')
  try {
    run(database, request)
    database.exec('RELEASE request')
    return { id }
  } catch (error) {
    // SQLITE_FULL and the like roll the whole transaction back by themselves.
    if (!database.inTransaction) throw error
    database.exec('ROLLBACK TO request')
    database.exec('RELEASE request')
    return { id, error: describe(error) }
  }
}

function run(database: Database.Database, { statements }: Request): void {
  for (const { text, parameters } of statements) {
    const known = texts[text]!
    known.statement ??= database.prepare<SqlValue[]>(known.sql)
    known.statement.run(...parameters)
  }
}

function describe(error: unknown): { code: string; message: string } {
  const { code = 'SQLITE_ERROR', message } = error as { code?: string; message: string }
  return { code, message }
}

if (parentPort) main(parentPort, (workerData as { path: string }).path)
