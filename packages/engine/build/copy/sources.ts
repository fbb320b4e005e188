/** Which paths of a tree the sources of COPY and ADD mean. */
import { posix } from 'node:path'
import { matchesName } from './pattern.ts'
import type { SourceTree } from './source-tree.ts'

export interface Found {
  /** Absolute in the tree, as asked for: its last part names the copy. */
  path: string
  /** `--parents`: what of the path is kept; else ''. */
  kept: string
  /** `--parents` with wildcards: what of the tree is meant, by names that begin with `kept`. */
  include: string | undefined
  /** Nothing may be there: a wildcard decides. */
  optional: boolean
}

const WILDCARD = /[*?[\\]/

/** Wildcards to the paths that are there, in order; others as they are. Never leaves the tree. */
export async function findSources(
  tree: Pick<SourceTree, 'list'>,
  source: string,
): Promise<Found[]> {
  const path = clamp(source)
  return (await expanded(tree, path)).map((each) => ({
    path: each,
    kept: '',
    include: undefined,
    optional: false,
  }))
}

/** The same with `--parents`: directories before `/./` are not kept. */
export async function findWithParents(
  tree: Pick<SourceTree, 'list'>,
  source: string,
): Promise<Found[]> {
  const at = source.indexOf('/./')
  const pivots = at < 0 ? ['/'] : await expanded(tree, clamp(source.slice(0, at)))
  const parts = clamp(at < 0 ? source : source.slice(at + 2))
    .split('/')
    .filter(Boolean)
  const wild = parts.findIndex((part) => WILDCARD.test(part))
  // What stands before the wildcards need not be looked for.
  const kept = parts.slice(0, wild < 0 ? undefined : wild).join('/')
  return pivots.map((pivot) => ({
    path: posix.join(pivot, kept),
    kept,
    include: wild < 0 ? undefined : parts.join('/'),
    optional: wild >= 0,
  }))
}

async function expanded(tree: Pick<SourceTree, 'list'>, path: string): Promise<string[]> {
  if (!WILDCARD.test(path)) return [path]
  let found = ['/']
  for (const part of path.split('/').filter(Boolean))
    found = (await Promise.all(found.map((directory) => step(tree, directory, part)))).flat()
  return found
}

async function step(
  tree: Pick<SourceTree, 'list'>,
  directory: string,
  part: string,
): Promise<string[]> {
  if (!WILDCARD.test(part)) return [posix.join(directory, part)]
  const names = await tree.list(directory)
  return names.filter((name) => matchesName(part, name)).map((name) => posix.join(directory, name))
}

/** `../` goes no further up than the root. */
function clamp(path: string): string {
  return posix.resolve('/', path)
}
