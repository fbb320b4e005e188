/** Which paths of a tree the sources of COPY and ADD mean. */
import { posix } from 'node:path'
import { matchesName } from './pattern.ts'
import type { SourceTree } from './source-tree.ts'

export interface Found {
  /** Absolute in the tree, as asked for: its last part names the copy. */
  path: string
  /** Where `--parents` begins to keep directories. */
  pivot: string
}

/** Wildcards to the paths that are there, in order; others as they are. Never leaves the tree. */
export async function findSources(tree: Pick<SourceTree, 'list'>, source: string): Promise<Found[]> {
  const at = source.indexOf('/./')
  const pivot = at < 0 ? '/' : clamp(source.slice(0, at))
  const path = clamp(source)
  if (!/[*?[\\]/.test(path)) return [{ path, pivot }]
  let found = ['/']
  for (const part of path.split('/').filter(Boolean))
    found = (await Promise.all(found.map((directory) => step(tree, directory, part)))).flat()
  return found.map((each) => ({ path: each, pivot }))
}

async function step(tree: Pick<SourceTree, 'list'>, directory: string, part: string): Promise<string[]> {
  if (!/[*?[\\]/.test(part)) return [posix.join(directory, part)]
  const names = await tree.list(directory)
  return names.filter((name) => matchesName(part, name)).map((name) => posix.join(directory, name))
}

/** `../` goes no further up than the root. */
function clamp(path: string): string {
  return posix.resolve('/', path)
}
