/**
 * The files of a commit in a directory. They come as a tar out of a bare repository and go through the
 * same unpacker as a client's context, so a repository meets no more of the machine than a tar does.
 * All are root's, with the commit's time.
 */
import { mkdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { KernelError, type Native } from '@tdocker/kernel/native.ts'
import { invalidParameter, system } from '../../base/errors.ts'
import { type IntakeNative, takeContext } from '../context/intake.ts'
import { resolveAddress } from './address.ts'
import { type FetchedCommit, fetchCommit } from './fetch.ts'
import { type GitPlace, git, gitStream } from './git-program.ts'
import type { GitContext, ResolvedGit } from './resolve.ts'
import { type Submodule, submodulesOf } from './submodules.ts'

export interface CheckoutContext extends GitContext {
  native: IntakeNative & Pick<Native, 'statIn'>
}

const MAX_DEPTH = 10
const MAX_SUBMODULES = 500

/** Fills `directory`, which is empty; answers the commit's time, Unix seconds. Throws what a client is told. */
export async function checkOut(
  ctx: CheckoutContext,
  resolved: ResolvedGit,
  o: { directory: string; keepGitDir: boolean; signal: AbortSignal },
): Promise<number> {
  const work = join(await ctx.scratch(), randomBytes(8).toString('hex'))
  await mkdir(work, { mode: 0o700 })
  try {
    const tree = join(work, 'tree')
    await mkdir(tree, { mode: 0o755 })
    const checkout = new Checkout(ctx, {
      work,
      tree,
      local: resolved.address.local,
      host: resolved.ref.host,
      signal: o.signal,
    })
    const repository = await fetchCommit(join(work, 'repository'), resolved, o.signal)
    await checkSum(repository, resolved)
    const time = await timeOf(repository)
    await checkout.unpack(repository, '')
    if (resolved.ref.submodules)
      await checkout.submodules(repository, resolved.address.remote, '', 1)
    if (o.keepGitDir && resolved.ref.subdir === '') await keepRepository(repository, resolved, tree)
    await moveInto(ctx, tree, resolved.ref.subdir, o.directory)
    return time
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function timeOf({ place, commit }: FetchedCommit): Promise<number> {
  return Number((await git(place, ['log', '-1', '--format=%ct', commit])).toString())
}

/** One that was asked for by a shortened checksum is known only now. */
async function checkSum({ commit }: FetchedCommit, { ref, object }: ResolvedGit): Promise<void> {
  if (commit.startsWith(ref.checksum) || object.startsWith(ref.checksum)) return
  throw invalidParameter(`expected checksum to match ${ref.checksum}, got ${commit}`)
}

class Checkout {
  readonly #ctx: CheckoutContext
  readonly #o: { work: string; tree: string; local: boolean; host: string; signal: AbortSignal }
  #count = 0

  constructor(
    ctx: CheckoutContext,
    o: { work: string; tree: string; local: boolean; host: string; signal: AbortSignal },
  ) {
    this.#ctx = ctx
    this.#o = o
  }

  /** `prefix`: in the tree, with a slash at its end; empty for its root. */
  async unpack({ place, commit }: FetchedCommit, prefix: string): Promise<void> {
    const under = prefix === '' ? [] : [`--prefix=${prefix}`]
    const { stdout, ended } = await gitStream(place, ['archive', '--format=tar', ...under, commit])
    const { tree, signal } = this.#o
    try {
      await takeContext(this.#ctx.native, { body: stdout, directory: tree, signal })
    } catch (error) {
      stdout.destroy()
      // Its own reason is the better one.
      await ended
      throw error
    }
    await ended
  }

  async submodules(
    { place, commit }: FetchedCommit,
    remote: string,
    prefix: string,
    depth: number,
  ): Promise<void> {
    const found = await submodulesOf(place, commit, remote)
    if (found.length === 0) return
    this.#count += found.length
    if (depth > MAX_DEPTH || this.#count > MAX_SUBMODULES)
      throw system('failed to update submodules: too many of them')
    for (const each of found) await this.#submodule(each, place, prefix, depth)
  }

  async #submodule(
    each: Submodule,
    parent: GitPlace,
    prefix: string,
    depth: number,
  ): Promise<void> {
    const { host, local, signal, work } = this.#o
    const { ref } = each
    // Credentials are for what the user named, and what stands below it.
    const inScope = parent.auth !== undefined && ref.remote.startsWith(parent.auth.scope)
    const header = inScope ? parent.auth?.header : undefined
    const agent = ref.scheme === 'ssh' && ref.host === host ? parent.agent : undefined
    const address = await resolveAddress(this.#ctx, ref, {
      mayBeLocal: local,
      header,
      agent,
      signal,
    })
    const directory = join(work, `submodule-${randomBytes(4).toString('hex')}`)
    const wanted = { ref, address, name: undefined, object: each.commit }
    const repository = await fetchCommit(directory, wanted, signal)
    await this.unpack(repository, `${prefix}${each.path}/`)
    await this.submodules(repository, address.remote, `${prefix}${each.path}/`, depth + 1)
    await rm(directory, { recursive: true, force: true })
  }
}

/** As a clone of that one commit, which shows no credentials and no time of its making. */
async function keepRepository(
  { place, commit }: FetchedCommit,
  { ref, object }: ResolvedGit,
  tree: string,
): Promise<void> {
  const sha256 = object.length === 64
  await git({ ...place, auth: undefined }, ['read-tree', commit])
  const config = [
    '[core]',
    `\trepositoryformatversion = ${sha256 ? 1 : 0}`,
    '\tfilemode = true',
    '\tbare = false',
    '\tlogallrefupdates = true',
    ...(sha256 ? ['[extensions]', '\tobjectformat = sha256'] : []),
    '[remote "origin"]',
    `\turl = ${JSON.stringify(ref.shown)}`,
    '\tfetch = +refs/heads/*:refs/remotes/origin/*',
  ]
  const { directory } = place
  await writeFile(join(directory, 'config'), `${config.join('\n')}\n`)
  await writeFile(join(directory, 'HEAD'), `${commit}\n`)
  await rm(join(directory, 'info/attributes'))
  // Nothing of that name is in the tree: such a commit is refused before.
  await rename(directory, join(tree, '.git'))
}

/** `subdir` of the tree becomes the directory; no part of it may be a link. */
async function moveInto(
  { native }: CheckoutContext,
  tree: string,
  subdir: string,
  directory: string,
): Promise<void> {
  const root = native.openRoot(tree)
  try {
    let path = ''
    for (const part of subdir.split('/').filter(Boolean)) {
      path = `${path}/${part}`
      const stat = await native.statIn({ root, path, follow: false })
      if (stat?.type === 'directory') continue
      const why = stat ? 'not a directory' : 'no such file or directory'
      throw invalidParameter(`invalid subdir ${subdir}: ${path.slice(1)}: ${why}`)
    }
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    throw invalidParameter(`invalid subdir ${subdir}: ${error.code}`, error)
  } finally {
    native.closeFd(root)
  }
  await rmdir(directory)
  await rename(join(tree, subdir), directory)
}
