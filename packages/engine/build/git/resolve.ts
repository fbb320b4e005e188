/** Which commit a reference means, asked of the server alone (BuildKit: source/git resolveMetadata). */
import { invalidParameter, notFound, system } from '../../base/errors.ts'
import { type AddressContext, type GitAddress, credentialsFor, resolveAddress } from './address.ts'
import { GitFailure, type GitPlace, git } from './git-program.ts'
import { type GitRef, checkRef, isCommit } from './git-ref.ts'

export interface ResolvedGit {
  ref: GitRef
  address: GitAddress
  /** Full name of the reference; undefined for a commit by its own name. */
  name: string | undefined
  /** What it leads to: a commit, or a tag's object. */
  object: string
  /** What of it is in a result, and so in a cache key. */
  key: string
}

export interface GitContext extends AddressContext {
  /** A directory of the build's own; gone with it. */
  scratch(): Promise<string>
}

export async function resolveGit(
  ctx: GitContext,
  ref: GitRef,
  o: { keepGitDir: boolean; signal: AbortSignal },
): Promise<ResolvedGit> {
  const { signal } = o
  const credentials = await credentialsFor(ctx, ref, signal)
  const address = await resolveAddress(ctx, ref, { mayBeLocal: true, ...credentials, signal })
  const place = placeOf(await ctx.scratch(), address, o.signal)
  const found = await lookUp(place, ref, address)
  const parts = [
    // Without its directory a tag is what it points at.
    o.keepGitDir ? `${found.object}.git#${found.name ?? ''}` : (found.peeled ?? found.object),
    ref.subdir === '' ? '' : `:${ref.subdir}`,
    ref.submodules ? '' : '(skip-submodules)',
  ]
  return { ref, address, name: found.name, object: found.object, key: parts.join('') }
}

export function placeOf(
  directory: string,
  { auth, agent }: Pick<GitAddress, 'auth' | 'agent'>,
  signal: AbortSignal,
): GitPlace {
  return { directory, auth, agent, signal }
}

interface Found {
  name: string | undefined
  object: string
  /** The commit behind a tag's object. */
  peeled: string | undefined
}

async function lookUp(place: GitPlace, ref: GitRef, address: GitAddress): Promise<Found> {
  if (isCommit(ref.ref)) {
    if (!ref.ref.startsWith(ref.checksum))
      throw invalidParameter(`expected checksum to match ${ref.checksum}, got ${ref.ref}`)
    return { name: undefined, object: ref.ref, peeled: undefined }
  }
  if (ref.fetchByCommit) {
    if (!isCommit(ref.checksum))
      throw invalidParameter('fetch-by-commit requires a full commit SHA checksum')
    return { name: undefined, object: ref.checksum, peeled: undefined }
  }
  const name = ref.ref === '' ? await defaultBranch(place, ref, address) : ref.ref
  const lines = await listed(place, ref, ['--', address.remote, name, `${name}^{}`])
  const found = chosen(name, lines)
  if (!found)
    throw notFound(
      `repository does not contain ref ${name}, output: ${JSON.stringify(lines.map((line) => line.join('\t')).join('\n'))}`,
    )
  const { object, peeled } = found
  if (!isCommit(object)) throw system(`invalid commit sha ${JSON.stringify(object)}`)
  if (![object, peeled].some((each) => each?.startsWith(ref.checksum)))
    throw invalidParameter(
      `expected checksum to match ${ref.checksum}, got ${[object, peeled].filter(Boolean).join(' or ')}`,
    )
  return found
}

/** Branches go before tags, as with `git checkout`. */
function chosen(ref: string, lines: ReadonlyArray<readonly [string, string]>): Found | undefined {
  const objects = new Map(lines.map(([object, name]) => [name, object]))
  const tag = ref.startsWith('refs/tags/') ? ref : `refs/tags/${ref}`
  const names = [
    ref.startsWith('refs/') ? ref : `refs/${ref}`,
    ref.startsWith('refs/heads/') ? ref : `refs/heads/${ref}`,
    tag,
  ]
  const name = names.find((each) => objects.has(each))
  if (name === undefined) return undefined
  return { name, object: objects.get(name)!, peeled: objects.get(`${name}^{}`) }
}

async function defaultBranch(place: GitPlace, ref: GitRef, address: GitAddress): Promise<string> {
  const lines = await listed(place, ref, ['--symref', '--', address.remote, 'HEAD'])
  const branch = lines.map(([first]) => /^ref: refs\/heads\/(\S+)$/.exec(first)?.[1]).find(Boolean)
  if (branch === undefined)
    throw notFound(`could not find default branch for repository: ${ref.shown}`)
  // A server said so, and no user.
  checkRef(branch)
  return branch
}

async function listed(
  place: GitPlace,
  ref: GitRef,
  args: readonly string[],
): Promise<Array<readonly [string, string]>> {
  const said = await git(place, ['ls-remote', ...args]).catch((error: unknown) => {
    throw fetchError(ref, error)
  })
  return said
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [first = '', name = ''] = line.split('\t')
      return [first, name] as const
    })
}

export function fetchError({ shown }: Pick<GitRef, 'shown'>, error: unknown): unknown {
  if (!(error instanceof GitFailure)) return error
  return system(`failed to fetch remote ${shown}: ${error.message}`, error)
}
