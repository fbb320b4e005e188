import { readdirSync } from 'node:fs'
import { mkdir, readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * How a log's files are called. `numbered`: `path`, `path.1`, `path.2` …, names that shift at each
 * rotation, as others expect of json-file. `segments`: `path.` and 20 digits, where the file begins
 * in the stream of all bytes ever logged; such a name never changes. Either may end in `.gz`, the
 * newest excepted.
 */
export interface LogFiles {
  naming: 'numbered' | 'segments'
  path: string
}

export interface LogFile {
  /** Without `.gz`. */
  path: string
  compressed: boolean
  /** Where it begins in the stream of all bytes ever logged; 0 for numbered files. */
  start: number
}

const DIGITS = 20

/** Oldest first. A file in both forms is plain: its compressed copy is not done yet. */
export async function listLogFiles(files: LogFiles): Promise<LogFile[]> {
  return toLogFiles(files, await namesIn(dirname(files.path)))
}

export function listLogFilesSync(files: LogFiles): LogFile[] {
  try {
    return toLogFiles(files, readdirSync(dirname(files.path)))
  } catch {
    return []
  }
}

export function segmentPath(files: LogFiles, start: number): string {
  return `${files.path}.${String(start).padStart(DIGITS, '0')}`
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function toLogFiles(files: LogFiles, names: readonly string[]): LogFile[] {
  const base = basename(files.path)
  const directory = dirname(files.path)
  const found = new Map<string, { file: LogFile; order: number }>()
  for (const name of names) {
    if (!name.startsWith(base)) continue
    const compressed = name.endsWith('.gz')
    const plain = compressed ? name.slice(0, -3) : name
    const order = orderOf(files.naming, plain.slice(base.length))
    if (order === undefined || (compressed && found.get(plain)?.file.compressed === false)) continue
    const start = files.naming === 'segments' ? order : 0
    found.set(plain, { file: { path: join(directory, plain), compressed, start }, order })
  }
  return [...found.values()].sort((a, b) => a.order - b.order).map(({ file }) => file)
}

/** undefined for what is no file of the log. */
function orderOf(naming: LogFiles['naming'], suffix: string): number | undefined {
  if (naming === 'segments') return /^\.\d{20}$/.test(suffix) ? Number(suffix.slice(1)) : undefined
  if (suffix === '') return 0
  return /^\.[1-9]\d*$/.test(suffix) ? -Number(suffix.slice(1)) : undefined
}

/** Bytes on disk of all files of a log. */
export async function logSize(files: LogFiles): Promise<number> {
  const sizes = await Promise.all(
    (await listLogFiles(files)).map(({ path, compressed }) =>
      stat(compressed ? `${path}.gz` : path).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

export async function makeLogDirectory(files: LogFiles): Promise<void> {
  await mkdir(dirname(files.path), { recursive: true, mode: 0o710 })
}

/**
 * rename(2), then the old name goes: readers prefer the plain file as long as there are both. When
 * it was pruned while it was being compressed, the copy goes, too.
 */
export async function replaceByCompressed(path: string, compressed: string): Promise<void> {
  await rename(compressed, `${path}.gz`)
  try {
    await unlink(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') await unlink(`${path}.gz`)
    throw error
  }
}
