import { createWriteStream, lstatSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { goPathError } from '../flag/spec/environment.ts'
import type { Cli } from '../command/cli.ts'

/**
 * Writes a stream to the file named by `-o`, or to stdout unless that is a terminal. The file
 * appears at once and whole, readable by its owner only, or not at all.
 */
export async function writeOutput(
  cli: Cli,
  path: string,
  failure: string,
  open: () => Promise<Readable>,
): Promise<void> {
  if (path === '') {
    if (cli.stdout.isTTY) {
      throw new Error('cowardly refusing to save to a terminal. Use the -o flag or redirect')
    }
    return pipeline(await open(), cli.stdout, { end: false })
  }
  try {
    checkTarget(path)
  } catch (error) {
    throw new Error(`${failure}: ${(error as Error).message}`)
  }
  const temporary = `${path}.tmp-${process.pid}`
  try {
    await pipeline(await open(), createWriteStream(temporary, { flags: 'wx', mode: 0o600 }))
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

function checkTarget(path: string): void {
  const parent = dirname(path)
  const directory = statSync(parent, { throwIfNoEntry: false })
  if (!directory) {
    const missing = Object.assign(new Error(), { code: 'ENOENT' })
    throw new Error(`invalid output path: ${goPathError('stat', parent, missing)}`)
  }
  if (!directory.isDirectory()) {
    throw new Error(`invalid output path: stat ${parent}: not a directory`)
  }
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (!there || there.isFile()) return
  if (there.isDirectory()) throw new Error('cannot write to a directory')
  if (there.isSymbolicLink()) throw new Error('cannot write to a symbolic link directly')
  throw new Error('cannot write to a non-regular file')
}
