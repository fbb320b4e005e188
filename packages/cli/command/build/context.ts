/** What is sent to build from: a directory without what its ignore file names, stdin, or an address. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, isAbsolute, join, relative, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import {
  IgnoreMatcher,
  ignoreFileNames,
  keepBuildFiles,
  parseIgnoreFile,
} from '@tdocker/api/dockerignore.ts'
import { packFile } from '../../archive/pack.ts'
import { encodeHeader, padding } from '../../archive/tar-header.ts'
import { walkDirectory } from './walk.ts'

export interface BuildSource {
  /** A tar; none where the daemon fetches it. */
  stream?: Readable
  remote?: string
  /** Path of the Dockerfile in the tar. */
  dockerfile: string
  /** A directory, for a daemon that asks for what it lacks. */
  directory?: LocalDirectory
}

export interface LocalDirectory {
  root: string
  /** Rules of its ignore file. */
  ignored: readonly string[]
  /** The Dockerfile and the ignore file, by the names that the build has for them. */
  files: ReadonlyMap<string, Buffer>
}

/** `path`: a directory, an address or `-`; `file`: `-f`. */
export async function buildSource(
  path: string,
  file: string,
  stdin: Readable,
): Promise<BuildSource> {
  if (path === '-' && file === '-')
    throw new Error("invalid argument: can't use stdin for both build context and dockerfile")
  if (path === '-') return fromStdin(stdin, file)
  if (isAddress(path) && !isDirectory(path)) return { remote: path, dockerfile: file }
  return fromDirectory(path, file, stdin)
}

function isAddress(path: string): boolean {
  return /^((https?|git|ssh):\/\/|github\.com\/|[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:)/.test(path)
}

/** One of that name goes first, as with docker. */
function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** A Dockerfile alone becomes a context of its own. */
async function fromStdin(stdin: Readable, file: string): Promise<BuildSource> {
  const { head, rest } = await firstBytes(stdin)
  const whole = Readable.from(rest, { objectMode: false })
  if (isArchive(head)) return { stream: whole, dockerfile: file }
  const text = await buffer(whole)
  return { stream: Readable.from([tarOf('Dockerfile', text), Buffer.alloc(1024)]), dockerfile: '' }
}

/** With all of it, from the beginning. */
async function firstBytes(
  stdin: Readable,
): Promise<{ head: Buffer; rest: AsyncGenerator<Buffer> }> {
  const source = (stdin as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  let head: Buffer = Buffer.alloc(0)
  while (head.length < 512) {
    const { value, done } = await source.next()
    if (done) break
    head = Buffer.concat([head, value])
  }
  return { head, rest: continued(head, source) }
}

async function* continued(head: Buffer, source: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head
  for (let next = await source.next(); !next.done; next = await source.next()) yield next.value
}

function isArchive(head: Buffer): boolean {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, at) => head[at] === byte)
  return (
    starts(0x1f, 0x8b) ||
    starts(0x42, 0x5a, 0x68) ||
    starts(0xfd, 0x37, 0x7a, 0x58, 0x5a) ||
    starts(0x28, 0xb5, 0x2f, 0xfd) ||
    head.toString('latin1', 257, 262) === 'ustar'
  )
}

async function fromDirectory(path: string, file: string, stdin: Readable): Promise<BuildSource> {
  const root = resolve(path)
  if (!existsSync(root))
    throw new Error(`unable to prepare context: path ${JSON.stringify(path)} not found`)
  if (!statSync(root).isDirectory())
    throw new Error(`unable to prepare context: context must be a directory: ${root}`)
  const { name, path: dockerfile, extra } = await dockerfileOf(root, file, stdin)
  const ignore = ignoreFile(root, name, extra && dockerfile)
  const ignored = ignore ? parseIgnoreFile(ignore.text.toString()) : []
  const patterns = keepBuildFiles(ignored, extra ? undefined : name)
  const stream = Readable.from(packContext(root, new IgnoreMatcher(patterns), extra), {
    objectMode: false,
  })
  const files = new Map([[name, extra?.text ?? readFileSync(dockerfile)]])
  if (ignore) files.set(ignore.name, ignore.text)
  return { stream, dockerfile: name, directory: { root, ignored, files } }
}

interface ExtraFile {
  name: string
  text: Buffer
}

/** One that is not in the context goes along under a name of its own. */
async function dockerfileOf(
  root: string,
  file: string,
  stdin: Readable,
): Promise<{ name: string; path: string; extra?: ExtraFile }> {
  const own = `.dockerfile.${randomBytes(10).toString('hex')}`
  if (file === '-') return { name: own, path: '', extra: { name: own, text: await buffer(stdin) } }
  const path = file === '' ? join(root, 'Dockerfile') : resolve(file)
  const name = relative(root, path)
  const inside = !isAbsolute(name) && name !== '..' && !name.startsWith('../')
  if (!existsSync(path)) {
    const lower = join(root, 'dockerfile')
    if (file === '' && existsSync(lower)) return { name: 'dockerfile', path: lower }
    throw new Error(
      `unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat ${path}: no such file or directory`,
    )
  }
  if (inside) return { name, path }
  return { name: own, path, extra: { name: own, text: readFileSync(path) } }
}

/** The Dockerfile's own goes first: of one that is elsewhere (`outside`) it lies beside that. */
function ignoreFile(
  root: string,
  dockerfile: string,
  outside: string | undefined,
): { name: string; text: Buffer } | undefined {
  const [own = '', shared = ''] = ignoreFileNames(dockerfile)
  const places: Array<[name: string, path: string]> = [
    [own, outside ? `${outside}.dockerignore` : join(root, own)],
    [shared, join(root, shared)],
  ]
  const found = places.find(([, path]) => existsSync(path))
  return found && { name: found[0], text: readFileSync(found[1]) }
}

async function* packContext(
  root: string,
  matcher: IgnoreMatcher,
  extra: ExtraFile | undefined,
): AsyncGenerator<Buffer> {
  const seen = new Map<string, string>()
  const same = (name: string): string => name
  for (const { name } of walkDirectory(root, matcher))
    yield* packFile(join(root, name), name, same, seen)
  if (extra) yield tarOf(extra.name, extra.text)
  yield Buffer.alloc(1024)
}

function tarOf(name: string, text: Buffer): Buffer {
  const head = encodeHeader({
    name: basename(name),
    type: 'file',
    mode: 0o600,
    uid: 0,
    gid: 0,
    size: text.length,
    mtime: 0,
    linkName: '',
    major: 0,
    minor: 0,
  })
  return Buffer.concat([head, text, Buffer.alloc(padding(text.length))])
}
