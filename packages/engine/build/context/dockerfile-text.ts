/** Reads the Dockerfile of a context. */
import { KernelError } from '@tdocker/kernel/native.ts'
import { posix } from 'node:path'
import { invalidParameter } from '../../base/errors.ts'
import type { Tree } from '../copy/tree.ts'

/** As much as BuildKit's own limit for what a frontend may read at once. */
export const MAX_DOCKERFILE: number = 2 * 1024 * 1024

/** Throws invalidParameter in moby's words when there is none. */
export async function readDockerfile(tree: Tree, name: string): Promise<Buffer> {
  const path = posix.resolve('/', name || 'Dockerfile')
  try {
    return await read(tree, path)
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    if (error.code === 'EFBIG') throw invalidParameter('the Dockerfile is larger than 2 MiB', error)
    if (name !== '' || error.code !== 'ENOENT') throw unreadable(path, error)
    return await read(tree, '/dockerfile').catch((second: unknown) => {
      throw unreadable(path, second)
    })
  }
}

/** A regular file's bytes; undefined where there is none. */
export async function findFile(tree: Tree, name: string): Promise<Buffer | undefined> {
  const path = posix.resolve('/', name)
  try {
    const stat = await tree.native.statIn({ root: tree.root, path, follow: true })
    if (stat?.type !== 'file') return undefined
    return await tree.native.readFileIn({ root: tree.root, path, max: MAX_DOCKERFILE })
  } catch (error) {
    if (error instanceof KernelError && error.code !== 'EFBIG') return undefined
    throw error
  }
}

async function read(tree: Tree, path: string): Promise<Buffer> {
  const text = await tree.native.readFileIn({ root: tree.root, path, max: MAX_DOCKERFILE })
  if (text.length === 0) throw invalidParameter(`the Dockerfile (${path.slice(1)}) cannot be empty`)
  return text
}

function unreadable(path: string, error: unknown): Error {
  const code = error instanceof KernelError ? error.code : ''
  const reason = code === 'ENOENT' || code === '' ? 'no such file or directory' : code
  return invalidParameter(
    `Cannot locate specified Dockerfile: ${path.slice(1)}${reason.startsWith('no such') ? '' : `: ${reason}`}`,
    error,
  )
}
