/**
 * The one door to `state.db`. Reads are synchronous on a read-only connection; a write is a list of
 * statements (data), committed by the writer thread together with whatever else is queued.
 */
export interface Store {
  /** All rows of a SELECT. Statements are cached by their text. Integers come as bigint only for columns cast so. */
  all<Row>(sql: string, ...parameters: SqlValue[]): Row[]
  /** The first row, or undefined. */
  get<Row>(sql: string, ...parameters: SqlValue[]): Row | undefined
  /**
   * Commits the statements in one transaction and resolves when they are durable.
   * Rejects with `StoreError` (code, e.g. SQLITE_CONSTRAINT_UNIQUE or SQLITE_FULL) and changes
   * nothing when one fails.
   */
  write(statements: readonly Statement[]): Promise<void>
  /**
   * Commits of this process that named the table in INSERT, UPDATE or DELETE: what was read at another
   * number may be out of date. What a cascade changes counts for the table it begins at.
   */
  changes(table: string): number
  /** Gives room that rows no longer take back to the file system, where it is much. */
  compact(): Promise<void>
  close(): Promise<void>
}

export type SqlValue = string | number | bigint | null | Uint8Array

export interface Statement {
  sql: string
  parameters: readonly SqlValue[]
}

/** `sql\`INSERT INTO t(a) VALUES (${a})\``: values become parameters, never text. */
export function sql(text: TemplateStringsArray, ...parameters: SqlValue[]): Statement {
  return { sql: text.join('?'), parameters }
}

export class StoreError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = 'StoreError'
    this.code = code
  }
}
