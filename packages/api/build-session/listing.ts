/** What a directory holds, in the order of its walk: parents before what is in them. */
import { createHash } from 'node:crypto'
import { ROWS_PER_MESSAGE } from './messages.ts'

/**
 * `f` file, `d` directory, `l` symbolic link, `h` another name of a file before, `o` a device or FIFO.
 */
export type RowKind = 'f' | 'd' | 'l' | 'h' | 'o'

export type ListingRow = [
  kind: RowKind,
  /** Relative, with slashes. */
  path: string,
  /** Permission bits with set-id and sticky. */
  mode: number,
  /** Bytes of a file, else 0. */
  size: number,
  /** Seconds. */
  mtime: number,
  /**
   * Of a file the SHA-256 of its content in hex, empty where nobody knows; of a link what it points to;
   * of another name the first one; of a device its number.
   */
  value: string,
]

/** Of a whole listing; empty where a file's digest is not known. Takes turns with others. */
export async function listingDigest(rows: readonly ListingRow[]): Promise<string> {
  const hash = createHash('sha256')
  for (let at = 0; at < rows.length; at += ROWS_PER_MESSAGE) {
    const part = rows.slice(at, at + ROWS_PER_MESSAGE)
    if (part.some(([kind, , , , , value]) => kind === 'f' && value === '')) return ''
    hash.update(JSON.stringify(part))
    if (at > 0) await new Promise((go) => setImmediate(go))
  }
  return hash.digest('hex')
}

const KINDS: ReadonlySet<unknown> = new Set(['f', 'd', 'l', 'h', 'o'])
const MAX_PATH = 4096
const DIGEST = /^([0-9a-f]{64})?$/

/** Throws for what is no row, or leads out of its directory. */
export function checkRow(row: unknown): asserts row is ListingRow {
  if (!Array.isArray(row) || row.length !== 6) throw new Error('a row of another form')
  const [kind, path, mode, size, mtime, value] = row as unknown[]
  const numbers = [mode, size, mtime].every((number) => Number.isSafeInteger(number))
  if (!KINDS.has(kind) || !numbers || typeof value !== 'string' || value.length > MAX_PATH)
    throw new Error('a row of another form')
  if (!isInnerPath(path)) throw new Error(`invalid path ${JSON.stringify(path)}`)
  if ((mode as number) < 0 || (mode as number) > 0o7777 || (size as number) < 0)
    throw new Error('a row of another form')
  if (kind === 'f' && !DIGEST.test(value)) throw new Error('a digest of another form')
  if (kind === 'h' && !isInnerPath(value)) throw new Error(`invalid path ${JSON.stringify(value)}`)
}

function isInnerPath(path: unknown): path is string {
  if (typeof path !== 'string' || path === '' || path.length > MAX_PATH) return false
  if (path.includes('\0')) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}
