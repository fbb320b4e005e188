/**
 * The store's writer thread: holds the only write connection and commits everything that is queued
 * in one transaction (group commit). One request's failure rolls back that request alone.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { Reserve } from './reserve.ts'
import type { Statement } from './store.ts'

export interface WriteRequest {
  /** 0 asks the thread to end. */
  id: number
  statements: readonly Statement[]
}

export interface WriteAnswer {
  id: number
  error?: { code: string; message: string }
}

/** More would make one slow request hold up the others' answers for too long. */
const MAX_GROUP = 256

const statements = new Map<string, Database.Statement>()

function main(port: MessagePort, path: string): void {
  const database = new Database(path)
  database.pragma('synchronous = FULL')
  database.pragma('foreign_keys = ON')
  const reserve = new Reserve(`${path}.reserve`)
  port.on('message', (first: WriteRequest) => {
    const group = [first, ...drain(port)]
    const requests = group.filter((request) => request.id !== 0)
    for (const answer of commitWith(reserve, database, requests)) port.postMessage(answer)
    reserve.refill()
    if (requests.length < group.length) {
      database.close()
      port.close()
    }
  })
}

function* drain(port: MessagePort): Generator<WriteRequest> {
  for (let n = 1; n < MAX_GROUP; n++) {
    const next = receiveMessageOnPort(port) as { message: WriteRequest } | undefined
    if (!next) return
    yield next.message
  }
}

/** On a full disk what deletes rows gets a second try, with the room that was kept for it. */
function commitWith(
  reserve: Reserve,
  database: Database.Database,
  requests: readonly WriteRequest[],
): WriteAnswer[] {
  const answers = commit(database, requests)
  const isFull = (answer: WriteAnswer): boolean => answer.error?.code === 'SQLITE_FULL'
  if (!answers.some(isFull)) return answers
  const failed = new Set(answers.filter(isFull).map(({ id }) => id))
  const deleting = requests.filter((request) => failed.has(request.id) && deletes(request))
  if (deleting.length === 0 || !reserve.release()) return answers
  const again = new Map(commit(database, deleting).map((answer) => [answer.id, answer]))
  return answers.map((answer) => again.get(answer.id) ?? answer)
}

function deletes({ statements }: WriteRequest): boolean {
  return statements.some(({ sql }) => /^\s*DELETE\b/i.test(sql))
}

function commit(database: Database.Database, requests: readonly WriteRequest[]): WriteAnswer[] {
  if (requests.length === 0) return []
  try {
    database.exec('BEGIN IMMEDIATE')
    const answers = requests.map((request) => apply(database, request))
    database.exec('COMMIT')
    return answers
  } catch (error) {
    // The commit itself failed (disk full, I/O error): nobody's rows are there.
    if (database.inTransaction) database.exec('ROLLBACK')
    return requests.map(({ id }) => ({ id, error: describe(error) }))
  }
}

function apply(database: Database.Database, { id, statements }: WriteRequest): WriteAnswer {
  database.exec('SAVEPOINT request')
  try {
    for (const { sql, parameters } of statements) prepare(database, sql).run(...parameters)
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

function prepare(database: Database.Database, text: string): Database.Statement {
  let statement = statements.get(text)
  if (!statement) {
    statement = database.prepare(text)
    statements.set(text, statement)
  }
  return statement
}

function describe(error: unknown): { code: string; message: string } {
  const { code = 'SQLITE_ERROR', message } = error as { code?: string; message: string }
  return { code, message }
}

if (parentPort) main(parentPort, (workerData as { path: string }).path)
