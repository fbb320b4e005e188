/**
 * Digests of a directory's files, remembered from build to build: a file whose inode, size and times are
 * what they were is not read again. As git's index, it does not trust a file that changed so shortly before
 * it was read that a later change may have left the same times.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

type Known = [dev: number, ino: number, size: number, mtime: number, ctime: number, digest: string]

const VERSION = 1
/** Times tick every few milliseconds; where they have no fraction, every second or two. */
const TICK_MS = 100
const COARSE_TICK_MS = 3_000
const KEPT_MS = 60 * 24 * 3600 * 1000

export class RememberedDigests {
  /** By which the daemon knows this client again; empty: it need not. */
  readonly client: string
  readonly #path: string | undefined
  readonly #known: ReadonlyMap<string, Known>
  readonly #seen = new Map<string, Known>()
  #learned = 0

  /** `directory`: where caches are kept; none: nothing is remembered. */
  constructor(directory: string | undefined, root: string) {
    this.client = clientId(directory)
    const name = createHash('sha256').update(root).digest('hex').slice(0, 32)
    this.#path = directory === undefined ? undefined : join(directory, `files-${name}.json`)
    this.#known = new Map(Object.entries(this.#path === undefined ? {} : read(this.#path)))
  }

  find(name: string, stat: Stats): string | undefined {
    const known = this.#known.get(name)
    if (!known || !isSame(known, stat)) return undefined
    this.#seen.set(name, known)
    return known[5]
  }

  /** `since`: when its reading began; `stat`: from before that. */
  learn(name: string, stat: Stats, digest: string, since: number): void {
    const { dev, ino, size, mtimeMs, ctimeMs } = stat
    const isCoarse = mtimeMs % 1000 === 0 && ctimeMs % 1000 === 0
    if (since - Math.max(mtimeMs, ctimeMs) < (isCoarse ? COARSE_TICK_MS : TICK_MS)) return
    this.#seen.set(name, [dev, ino, size, mtimeMs, ctimeMs, digest])
    this.#learned++
  }

  /** Of the files that this build has seen. A cache that cannot be written is none. */
  save(): void {
    if (this.#path === undefined) return
    if (this.#learned === 0 && this.#seen.size === this.#known.size) return
    const text = JSON.stringify({ version: VERSION, files: Object.fromEntries(this.#seen) })
    try {
      const made = `${this.#path}.${randomBytes(6).toString('hex')}`
      writeFileSync(made, text, { mode: 0o600 })
      renameSync(made, this.#path)
      removeOld(join(this.#path, '..'))
    } catch {
      // Next time all files are read again.
    }
  }
}

/** `XDG_CACHE_HOME/tdocker/build`, made; undefined where there can be none. */
export function cacheDirectory(
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const home = env['XDG_CACHE_HOME'] || (env['HOME'] && join(env['HOME'], '.cache'))
  if (!home?.startsWith('/')) return undefined
  const directory = join(home, 'tdocker', 'build')
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    return directory
  } catch {
    return undefined
  }
}

function clientId(directory: string | undefined): string {
  if (directory === undefined) return ''
  const path = join(directory, 'client')
  try {
    writeFileSync(path, randomBytes(32).toString('hex'), { flag: 'wx', mode: 0o600 })
  } catch {
    // There is one, or there can be none.
  }
  try {
    const known = readFileSync(path, 'utf8')
    return /^[0-9a-f]{64}$/.test(known) ? known : ''
  } catch {
    return ''
  }
}

function isSame([dev, ino, size, mtime, ctime]: Known, stat: Stats): boolean {
  return (
    stat.ino === ino &&
    stat.size === size &&
    stat.mtimeMs === mtime &&
    stat.ctimeMs === ctime &&
    stat.dev === dev
  )
}

function read(path: string): Record<string, Known> {
  try {
    const { version, files } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    return version === VERSION ? (files as Record<string, Known>) : {}
  } catch {
    return {}
  }
}

function removeOld(directory: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    const found = statSync(path, { throwIfNoEntry: false })
    if (name.startsWith('files-') && found && Date.now() - found.mtimeMs > KEPT_MS)
      rmSync(path, { force: true })
  }
}
