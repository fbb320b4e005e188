import {
  chmodSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { quote } from '../flag/scalar.ts'
import { clean, join } from './path.ts'
import type { TarEntry } from './tar-reader.ts'
import type { TarHeader } from './tar-header.ts'

/**
 * Unpacks entries under `directory`; they belong to the user. What the archive holds is not
 * trusted: names stay below the directory, and nothing is written through a link that the archive
 * itself brought; with `insideOnly` through none at all. A directory is never replaced by something
 * else, nor the other way round.
 */
export async function unpackTree(
  entries: AsyncIterable<TarEntry>,
  directory: string,
  rename: (name: string) => string,
  o: { insideOnly?: boolean } = {},
): Promise<void> {
  const root = clean(directory)
  const way = new Way(root, o.insideOnly ?? false)
  const directories: Array<[path: string, mtime: number]> = []
  for await (const { header, body } of entries) {
    const name = clean(rename(header.name))
    const path = inside(root, name)
    way.check(path)
    makeParent(path)
    if (!makeRoom(path, root, name, header)) continue
    await make(path, root, header, body, rename, way)
    if (header.type === 'directory') directories.push([path, header.mtime])
  }
  // Last, for each file made inside changed them.
  for (const [path, mtime] of directories) utimesSync(path, mtime, mtime)
}

function inside(root: string, name: string): string {
  const path = join(root, name)
  const prefix = root === '/' ? '/' : `${root}/`
  if (path !== root && !path.startsWith(prefix)) {
    throw new Error(`${quote(name)} is outside of ${quote(root)}`)
  }
  return path
}

/** The directories that lead to a path. */
class Way {
  readonly #root: string
  readonly #insideOnly: boolean
  readonly #links = new Set<string>()
  readonly #directories = new Set<string>()

  /** `insideOnly`: links that were there before are not followed either. */
  constructor(root: string, insideOnly: boolean) {
    this.#root = root
    this.#insideOnly = insideOnly
  }

  addLink(path: string): void {
    this.#links.add(path)
  }

  /** Throws when a link is on it. */
  check(path: string): void {
    if (this.#links.size === 0 && !this.#insideOnly) return
    for (const parent of parentsOf(path, this.#root)) {
      if (this.#links.has(parent)) {
        throw new Error(`${quote(path)} is below a link of the same archive`)
      }
      if (this.#insideOnly) this.#checkDirectory(parent, path)
    }
  }

  #checkDirectory(parent: string, path: string): void {
    if (this.#directories.has(parent)) return
    const there = lstatSync(parent, { throwIfNoEntry: false })
    if (!there) return
    if (!there.isDirectory()) {
      throw new Error(`${quote(path)} is below ${quote(parent)}, which is no directory`)
    }
    this.#directories.add(parent)
  }
}

/** Below the root, the deepest first. */
function parentsOf(path: string, root: string): string[] {
  const parents: string[] = []
  for (let at = path.lastIndexOf('/'); at > root.length; at = path.lastIndexOf('/', at - 1)) {
    parents.push(path.slice(0, at))
  }
  return parents
}

function makeParent(path: string): void {
  const parent = path.slice(0, path.lastIndexOf('/')) || '/'
  if (!lstatSync(parent, { throwIfNoEntry: false })) mkdirSync(parent, { recursive: true })
}

/** Takes away what stands at the place; false where nothing is left to do. */
function makeRoom(path: string, root: string, name: string, { type }: TarHeader): boolean {
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (!there) return true
  const isDirectory = there.isDirectory()
  if (isDirectory && type !== 'directory') {
    throw new Error(`cannot overwrite directory ${quote(path)} with non-directory ${quote(root)}`)
  }
  if (!isDirectory && type === 'directory') {
    throw new Error(`cannot overwrite non-directory ${quote(path)} with directory ${quote(root)}`)
  }
  if (isDirectory) return name !== '.'
  rmSync(path)
  return true
}

async function make(
  path: string,
  root: string,
  header: TarHeader,
  body: AsyncIterable<Buffer>,
  rename: (name: string) => string,
  way: Way,
): Promise<void> {
  const { type, mode, mtime, linkName } = header
  switch (type) {
    case 'directory':
      if (!lstatSync(path, { throwIfNoEntry: false })) mkdirSync(path, { mode })
      return chmodSync(path, mode)
    case 'symlink':
      symlinkSync(linkName, path)
      way.addLink(path)
      return lutimesSync(path, mtime, mtime)
    case 'link': {
      const target = inside(root, clean(rename(linkName)))
      way.check(target)
      return linkSync(target, path)
    }
    case 'file':
      await writeFile(path, mode, body)
      break
    default:
      await makeNode(path, header)
  }
  chmodSync(path, mode)
  utimesSync(path, mtime, mtime)
}

/** `wx`: what has come to this place since is not ours to write into. */
async function writeFile(path: string, mode: number, body: AsyncIterable<Buffer>): Promise<void> {
  const handle = await open(path, 'wx', mode & 0o777)
  try {
    for await (const part of body) {
      for (let at = 0; at < part.length;) {
        at += (await handle.write(part, at, part.length - at)).bytesWritten
      }
    }
  } finally {
    await handle.close()
  }
}

/** Node has no mknod. */
async function makeNode(path: string, { type, major, minor }: TarHeader): Promise<void> {
  const { spawnSync } = await import('node:child_process')
  const kind = { character: 'c', block: 'b' }[type as string] ?? 'p'
  const numbers = kind === 'p' ? [] : [String(major), String(minor)]
  const { status, stderr } = spawnSync('mknod', ['--', path, kind, ...numbers])
  if (status !== 0) throw new Error(String(stderr ?? '').trim() || `mknod ${path} failed`)
}
