import type { Filters } from '../flag/spec/filter.ts'
import { ask } from '../terminal/prompt.ts'
import type { Cli } from './cli.ts'

/** What a prune took away: bytes, and the list to show (empty where there was nothing). */
export interface Pruned {
  readonly reclaimed: number
  readonly output: string
}

/** Asks; anything but `y` means no, and then the command ends without a word, as docker's. */
export async function confirm(cli: Cli, question: string): Promise<boolean> {
  return (await ask(cli, `${question} [y/N] `)).trim().toLowerCase() === 'y'
}

/**
 * Filters of the command line and those of `pruneFilters` in config.json; a label filter of the
 * latter gives way to its opposite on the command line.
 */
export function pruneFilters(cli: Cli, given: Filters): Filters {
  let merged = given
  for (const text of cli.config.data.pruneFilters ?? []) {
    const equals = text.indexOf('=')
    if (equals < 0) continue
    const [name, value] = [text.slice(0, equals), text.slice(equals + 1)]
    const opposite = name === 'label' ? 'label!' : name === 'label!' ? 'label' : undefined
    if (opposite !== undefined && given[opposite]?.[value]) continue
    merged = { ...merged, [name]: { ...merged[name], [value]: true } }
  }
  return merged
}

/** `Deleted Containers:` and the IDs, one per line; bytes count only where something went. */
export function prunedList(title: string, ids: readonly string[], reclaimed: number): Pruned {
  if (ids.length === 0) return { reclaimed: 0, output: '' }
  return { reclaimed, output: `${title}\n${ids.map((id) => `${id}\n`).join('')}` }
}
