import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { open } from 'node:fs/promises'
import { join, splitEntry } from './path.ts'
import { encodeHeader, padding } from './tar-header.ts'
import type { EntryType } from './tar-header.ts'

/**
 * A file or tree as a tar stream, named from its last element on (`dir`, `dir/file`; with a
 * trailing `/.` from the directory itself: `./`, `./file`). Sockets are left out, so are files that
 * go away meanwhile; of hard links the second and later ones point to the first.
 */
export async function* packTree(
  path: string,
  rename: (name: string) => string,
): AsyncGenerator<Buffer> {
  const { directory, entry } = splitEntry(path)
  const seen = new Map<string, string>()
  for (const [file, name] of walk(join(directory, entry), entry)) {
    yield* packFile(file, name, rename, seen)
  }
  yield Buffer.alloc(1024)
}

function* walk(file: string, name: string): Generator<[file: string, name: string]> {
  yield [file, name]
  if (!lstatSync(file, { throwIfNoEntry: false })?.isDirectory()) return
  for (const child of readdirSync(file).sort()) {
    yield* walk(`${file === '/' ? '' : file}/${child}`, name === '/' ? child : `${name}/${child}`)
  }
}

/** One entry with its content; `seen` knows the first name of each hard link. */
export async function* packFile(
  file: string,
  name: string,
  rename: (name: string) => string,
  seen: Map<string, string>,
): AsyncGenerator<Buffer> {
  const stat = lstatSync(file, { throwIfNoEntry: false })
  const type = stat && typeOf(stat)
  if (!stat || !type) return
  const plain = type === 'directory' && !name.endsWith('/') ? `${name}/` : name
  const inode = `${stat.dev}:${stat.ino}`
  const first = type === 'file' && stat.nlink > 1 ? seen.get(inode) : undefined
  if (type === 'file' && stat.nlink > 1 && first === undefined) seen.set(inode, plain)
  const device = type === 'character' || type === 'block'
  const size = type === 'file' && first === undefined ? stat.size : 0
  const header = encodeHeader({
    name: rename(plain),
    type: first === undefined ? type : 'link',
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size,
    mtime: stat.mtimeMs / 1000,
    linkName: first === undefined ? (type === 'symlink' ? readlinkSync(file) : '') : rename(first),
    ...(device ? deviceNumbers(stat.rdev) : { major: 0, minor: 0 }),
  })
  yield* size > 0 ? content(file, header, size) : [header]
}

function typeOf(stat: Stats): EntryType | undefined {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isCharacterDevice()) return 'character'
  if (stat.isBlockDevice()) return 'block'
  return stat.isFIFO() ? 'fifo' : undefined
}

/** gnu_dev_major and gnu_dev_minor. */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  const device = BigInt(rdev)
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n)
  return { major: Number(major), minor: Number(minor) }
}

/** The header stands before exactly `size` bytes: a file that shrinks meanwhile is filled up. */
async function* content(file: string, header: Buffer, size: number): AsyncGenerator<Buffer> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!handle) return
  try {
    yield header
    for (let left = size; left > 0;) {
      const buffer = Buffer.alloc(Math.min(left, 1 << 18))
      const { bytesRead } = await handle.read(buffer, 0, buffer.length)
      const part = bytesRead === 0 ? buffer : buffer.subarray(0, bytesRead)
      left -= part.length
      yield part
    }
    yield Buffer.alloc(padding(size))
  } finally {
    await handle.close()
  }
}
