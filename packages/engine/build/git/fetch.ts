/** A commit into a bare repository of its own. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { system } from '../../base/errors.ts'
import type { GitAddress } from './address.ts'
import { GitFailure, type GitPlace, git } from './git-program.ts'
import type { GitRef } from './git-ref.ts'
import { fetchError, placeOf } from './resolve.ts'

export interface FetchWanted {
  ref: Pick<GitRef, 'shown'>
  address: GitAddress
  /** Full name of a reference, kept in the repository; undefined: by the object alone. */
  name: string | undefined
  object: string
}

export interface FetchedCommit {
  place: GitPlace
  commit: string
}

/** Makes the directory. Throws what a client is told. */
export async function fetchCommit(
  directory: string,
  wanted: FetchWanted,
  signal: AbortSignal,
): Promise<FetchedCommit> {
  await mkdir(directory, { mode: 0o755 })
  const place = placeOf(directory, wanted.address, signal)
  const format = wanted.object.length === 64 ? ['--object-format=sha256'] : []
  try {
    await git(place, ['init', '--quiet', '--bare', '--template=', ...format])
    await mkdir(join(directory, 'info'), { recursive: true })
    // What a repository says of its own files changes none of them on their way into the tree.
    await writeFile(join(directory, 'info/attributes'), '* -export-ignore -export-subst -filter\n')
    await fetchObject(place, wanted)
    const said = await git(place, ['rev-parse', '--verify', '--quiet', `${wanted.object}^{commit}`])
    return { place, commit: said.toString().trim() }
  } catch (error) {
    throw fetchError(wanted.ref, error)
  }
}

async function fetchObject(place: GitPlace, wanted: FetchWanted): Promise<void> {
  const { address, name, object } = wanted
  if (name !== undefined) {
    await fetchRefs(place, ['--depth=1', '--no-tags'], address, [`+${name}:${name}`])
    if (await has(place, object)) return
    // The reference has moved on since it was looked up.
  }
  try {
    await fetchRefs(place, ['--depth=1', '--no-tags'], address, [object])
    if (await has(place, object)) return
  } catch (error) {
    // Old servers give only what a reference leads to.
    if (!(error instanceof GitFailure)) throw error
  }
  await fetchRefs(place, ['--tags'], address, ['+refs/heads/*:refs/remotes/origin/*'])
  if (!(await has(place, object)))
    throw system(`failed to fetch remote ${wanted.ref.shown}: reference is not a tree: ${object}`)
}

async function fetchRefs(
  place: GitPlace,
  depth: readonly string[],
  { remote }: GitAddress,
  refspecs: readonly string[],
): Promise<void> {
  const last = ['--no-write-fetch-head', '--no-recurse-submodules', '--', remote, ...refspecs]
  try {
    await git(place, ['fetch', '--quiet', ...depth, ...last])
  } catch (error) {
    // A server of files alone cannot cut off the history.
    const plain = error instanceof GitFailure && /--depth|shallow/.test(error.stderr)
    if (!plain || depth[0] !== '--depth=1') throw error
    await git(place, ['fetch', '--quiet', ...depth.slice(1), ...last])
  }
}

async function has(place: GitPlace, object: string): Promise<boolean> {
  try {
    await git(place, ['cat-file', '-e', `${object}^{commit}`])
    return true
  } catch (error) {
    if (error instanceof GitFailure) return false
    throw error
  }
}
