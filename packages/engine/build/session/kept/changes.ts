/** What makes one listing of another: pure, over what is in a kept directory. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ListingRow } from '@tdocker/api/build-session/listing.ts'

export interface Changes {
  /** Paths that go, with all below them. */
  remove: string[]
  /** Rows whose content is here under another name. */
  copy: Array<{ row: number; from: ContentSource }>
  /** Rows of files that need another mode or time. */
  touch: number[]
  /** Rows that the client is to send. */
  want: number[]
}

/** Where a content lies: a path in a kept directory. */
export interface ContentSource {
  directory: string
  path: string
}

/** Rows that are looked at in one turn of the loop. */
const TURN = 5_000

/** `content`: finds a file by digest and size. Takes turns with others. */
export async function changesOf(
  before: readonly ListingRow[],
  after: readonly ListingRow[],
  content: (digest: string, size: number) => ContentSource | undefined,
): Promise<Changes> {
  const old = new Map(before.map((row) => [row[1], row]))
  const changes: Changes = { remove: removals(before, after, old), copy: [], touch: [], want: [] }
  /** Files whose name stands for another inode now. */
  const anew = new Set<string>()
  const want = new Set<number>()
  // A file with other names comes with them, before they are linked to it.
  const named = new Set(after.flatMap(([kind, , , , , value]) => (kind === 'h' ? [value] : [])))
  await nextTurn()
  for (const [number, row] of after.entries()) {
    if (number % TURN === TURN - 1) await nextTurn()
    const [kind, path, mode, size, mtime, value] = row
    const known = old.get(path)
    const same = known?.[0] === kind && known[5] === value
    if (same && kind !== 'd' && kind !== 'h' && !(kind === 'f' && value === '')) {
      const asItWas = known[2] === mode && known[4] === mtime
      if (asItWas || kind === 'l') continue
      if (kind === 'f') changes.touch.push(number)
      else want.add(number)
      continue
    }
    if (kind === 'd' && same && known[2] === mode && known[4] === mtime) continue
    if (kind === 'h' && same && !anew.has(value)) continue
    anew.add(path)
    const mayCopy = kind === 'f' && value !== '' && !named.has(path)
    const from = mayCopy ? content(value, size) : undefined
    if (from) changes.copy.push({ row: number, from })
    else want.add(number)
  }
  for (const number of parentsOf(changes, after, want)) want.add(number)
  changes.want = [...want].toSorted((a, b) => a - b)
  return changes
}

/**
 * What a directory holds when all of `changes` was done but to receive what is wanted, and some of that
 * maybe: of such rows nothing is known but that they are to be sent again, or removed.
 */
export function interrupted(
  before: readonly ListingRow[],
  after: readonly ListingRow[],
  { remove, copy, touch, want }: Changes,
): ListingRow[] {
  const unknown = new Map(
    [...want, ...copy.map(({ row }) => row)].map((row) => [after[row]![1], after[row]!]),
  )
  const touched = new Map(touch.map((row) => [after[row]![1], after[row]!]))
  const gone = new Set(remove)
  const stays = before.filter(
    ([, path]) =>
      !gone.has(path) && !unknown.has(path) && !ancestors(path).some((above) => gone.has(above)),
  )
  const rows = stays.map((row) => touched.get(row[1]) ?? row)
  for (const [path, [kind]] of unknown)
    rows.push([kind, path, 0, 0, -1, kind === 'f' || kind === 'd' ? '' : '?'])
  return rows
}

/** Directories in which something comes or goes: their times are set again. */
function parentsOf(
  { remove }: Changes,
  after: readonly ListingRow[],
  want: ReadonlySet<number>,
): number[] {
  const parents = new Set([...remove, ...[...want].map((row) => after[row]![1])].map(parentOf))
  return after.flatMap(([kind, path], number) =>
    kind === 'd' && parents.has(path) ? [number] : [],
  )
}

/** What is in the way or not there any more; of a tree its root alone. */
function removals(
  before: readonly ListingRow[],
  after: readonly ListingRow[],
  old: ReadonlyMap<string, ListingRow>,
): string[] {
  const stays = withParents(after)
  const gone = new Set<string>()
  for (const path of withParents(before)) if (!stays.has(path)) gone.add(path)
  for (const [kind, path] of after) {
    const was = old.get(path)
    if (was && was[0] !== kind && (was[0] === 'd' || kind === 'd')) gone.add(path)
  }
  return [...gone].filter((path) => !ancestors(path).some((above) => gone.has(above)))
}

/** Also directories that have no row: made for what is below them. */
function withParents(rows: readonly ListingRow[]): Set<string> {
  const paths = new Set(rows.map(([, path]) => path))
  for (const [, path] of rows)
    for (let above = parentOf(path); above !== '' && !paths.has(above); above = parentOf(above))
      paths.add(above)
  return paths
}

function ancestors(path: string): string[] {
  const found: string[] = []
  for (let above = parentOf(path); above !== ''; above = parentOf(above)) found.push(above)
  return found
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
