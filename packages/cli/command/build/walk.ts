/** The files of a directory that its ignore rules leave. */
import { lstatSync, readdirSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import type { IgnoreMatcher, Visited } from '@tdocker/api/dockerignore.ts'

export interface WalkedFile {
  /** Below the root, with slashes. */
  readonly name: string
  readonly stat: Stats
}

/** Directories before what is in them; what goes away meanwhile is left out. */
export function* walkDirectory(root: string, matcher: IgnoreMatcher): Generator<WalkedFile> {
  yield* below(root, '', matcher, undefined)
}

function* below(
  root: string,
  directory: string,
  matcher: IgnoreMatcher,
  parent: Visited | undefined,
): Generator<WalkedFile> {
  for (const entry of readdirSync(join(root, directory)).sort()) {
    const name = directory === '' ? entry : `${directory}/${entry}`
    const visited = matcher.visit(name, parent)
    const stat = lstatSync(`${root}/${name}`, { throwIfNoEntry: false })
    if (!stat) continue
    if (!visited.ignored) yield { name, stat }
    if (stat.isDirectory() && (!visited.ignored || matcher.mayHoldOthers(name)))
      yield* below(root, name, matcher, visited)
  }
}
