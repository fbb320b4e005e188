/**
 * Which entries of a tree are copied: `--exclude`, and the wildcards of `--parents`, with the rules of
 * .dockerignore. A directory that is not wanted itself waits for something in it that is.
 */
import { posix } from 'node:path'
import { IgnoreMatcher, type Visited } from '@tdocker/api/dockerignore.ts'
import { invalidParameter } from '../../base/errors.ts'
import type { TarEntry } from './tar-entry.ts'

interface Directory {
  name: string
  include: Visited | undefined
  exclude: Visited | undefined
}

export class EntryFilter {
  readonly #include: IgnoreMatcher | undefined
  readonly #exclude: IgnoreMatcher | undefined
  readonly #prefix: string
  #above: Directory[] = []
  #waiting: Array<{ name: string; entry: TarEntry }> = []
  readonly #dropped = new Set<string>()
  /** Hard links to files that are left out, by the name of these. */
  readonly orphans: Map<string, TarEntry[]> = new Map()

  /** `prefix`: where the entries' names begin, in the eyes of the patterns. */
  constructor(o: { include: string | undefined; exclude: readonly string[]; prefix: string }) {
    this.#include = o.include === undefined ? undefined : matcher([o.include])
    this.#exclude = o.exclude.length > 0 ? matcher(o.exclude) : undefined
    this.#prefix = o.prefix
  }

  /** What is to be written for an entry: nothing, itself, or itself behind the directories above. */
  pass(entry: TarEntry): readonly TarEntry[] {
    const name = innerName(entry)
    const wanted = this.#isWanted(name, entry.type === '5')
    if (!wanted) {
      if (entry.type === '5' && this.#mayHoldOthers()) this.#waiting.push({ name, entry })
      this.drop(entry)
      return []
    }
    if (entry.type === '1' && this.#dropped.has(entry.linkname)) {
      const others = this.orphans.get(entry.linkname) ?? []
      this.orphans.set(entry.linkname, [...others, entry])
      return []
    }
    return [...this.#waited(name), entry]
  }

  /** It is not written; links to it are told apart. */
  drop(entry: TarEntry): void {
    if (entry.type === '0') this.#dropped.add(entry.name)
  }

  #isWanted(name: string, isDirectory: boolean): boolean {
    if (!this.#include && !this.#exclude) return true
    const path = latin1ToText(posix.join(this.#prefix, name))
    if (path === '.' || path === '') return true
    while (this.#above.length > 0 && !isBelow(name, this.#above.at(-1)!.name)) this.#above.pop()
    const parent = this.#above.at(-1)
    const include = this.#include?.visit(path, parent?.include)
    const exclude = this.#exclude?.visit(path, parent?.exclude)
    if (isDirectory) this.#above.push({ name, include, exclude })
    return (include?.ignored ?? true) && !(exclude?.ignored ?? false)
  }

  #mayHoldOthers(): boolean {
    return this.#include !== undefined || this.#exclude!.hasExceptions
  }

  #waited(name: string): TarEntry[] {
    const above = this.#waiting.filter((each) => isBelow(name, each.name))
    this.#waiting = []
    return above.map(({ entry }) => entry)
  }
}

/** Of a directory's tar: without slashes around it, '' for the directory itself. */
export function innerName({ name }: Pick<TarEntry, 'name'>): string {
  const inner = name.replace(/^(?:\.?\/+)+|\/+$/g, '')
  return inner === '.' ? '' : inner
}

function isBelow(name: string, directory: string): boolean {
  return directory === '' || name.startsWith(`${directory}/`)
}

function latin1ToText(name: string): string {
  return Buffer.from(name, 'latin1').toString()
}

function matcher(patterns: readonly string[]): IgnoreMatcher {
  try {
    return new IgnoreMatcher(patterns)
  } catch (error) {
    throw invalidParameter(`invalid excludepatterns: ${(error as Error).message}`, error)
  }
}
