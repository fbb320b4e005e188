/** Sources of ADD that are not of a context: files by URL, trees of git. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { invalidParameter } from '../../base/errors.ts'
import { type DownloadContext, isUrl, resolveDownload } from '../copy/download.ts'
import { DownloadRecords } from '../copy/download-records.ts'
import type { RemoteContent, RemoteSource } from '../copy/remote-source.ts'
import { Tree } from '../copy/tree.ts'
import { type CheckoutContext, checkOut } from '../git/checkout.ts'
import { checkSum, type GitRef, parseGitRef } from '../git/git-ref.ts'
import { resolveGit } from '../git/resolve.ts'
import type { CopyOperation } from '../graph/operation.ts'
import type { Build } from './build.ts'

type Kind = { kind: 'local' } | { kind: 'url' } | { kind: 'git'; ref: GitRef }

function kindOf(source: string): Kind {
  const ref = parseGitRef(source)
  if (ref) return { kind: 'git', ref }
  return { kind: isUrl(source) ? 'url' : 'local' }
}

/** Sources that are not local, resolved; and the operation that is left. Throws in BuildKit's words. */
export async function resolveRemotes<T extends CopyOperation>(
  build: Build,
  operation: T,
  signal: AbortSignal,
): Promise<{ local: T; remotes: RemoteSource[] }> {
  const kinds = operation.sources.map((source) => ({ source, ...kindOf(source) }))
  check(operation, kinds)
  const sources = kinds.filter(({ kind }) => kind === 'local').map(({ source }) => source)
  const remotes: RemoteSource[] = []
  let place = 0
  for (const each of kinds) {
    if (each.kind === 'local') place += 2
    else if (each.kind === 'git')
      remotes.push({ ...(await gitSource(build, operation, each.ref, signal)), place })
    else remotes.push({ ...(await urlSource(build, operation, each.source, signal)), place })
  }
  return { local: { ...operation, sources }, remotes }
}

function check({ instruction, checksum }: CopyOperation, kinds: readonly Kind[]): void {
  if (instruction === 'COPY') {
    if (kinds.some(({ kind }) => kind === 'git'))
      throw invalidParameter("source can't be a git ref for COPY")
    if (kinds.some(({ kind }) => kind === 'url'))
      throw invalidParameter("source can't be a URL for COPY")
  }
  if (checksum === '') return
  if (kinds.length !== 1) throw invalidParameter("checksum can't be specified for multiple sources")
  if (kinds[0]!.kind === 'local') throw invalidParameter('checksum requires HTTP(S) or Git sources')
}

function urlSource(
  build: Build,
  { checksum }: CopyOperation,
  source: string,
  signal: AbortSignal,
): Promise<RemoteContent> {
  return resolveDownload(downloadContextOf(build), source, { checksum, signal })
}

async function gitSource(
  build: Build,
  operation: CopyOperation,
  given: GitRef,
  signal: AbortSignal,
): Promise<RemoteContent> {
  const ref = { ...given, checksum: agreed(operation.checksum, given.checksum) }
  const keepGitDir = keeps(operation.keepGitDir, given.keepGitDir)
  const ctx = gitContextOf(build)
  const resolved = await resolveGit(ctx, ref, { keepGitDir, signal })
  return {
    digest: `git:${createHash('sha256').update(resolved.key).digest('hex')}`,
    open: async () => {
      const directory = join(await build.scratch(), randomBytes(8).toString('hex'))
      await mkdir(directory, { mode: 0o755 })
      await checkOut(ctx, resolved, { directory, keepGitDir, signal })
      return { tree: Tree.ofDirectory(build.native, directory), path: '/' }
    },
  }
}

function agreed(flag: string, query: string): string {
  if (flag !== '' && query !== '' && flag !== query)
    throw invalidParameter(`checksum mismatch ${JSON.stringify(flag)} != ${JSON.stringify(query)}`)
  if (flag !== '') checkSum(flag)
  return flag || query
}

function keeps(flag: boolean | undefined, query: boolean | undefined): boolean {
  if (flag !== undefined && query !== undefined && flag !== query)
    throw invalidParameter('inconsistent keep-git-dir configuration')
  return query ?? flag ?? false
}

export function downloadContextOf(build: Build): DownloadContext {
  const { transport, session, native, scratch, run } = build
  return { transport, session, native, scratch, records: new DownloadRecords(run.store) }
}

/** What fetching from git needs of a build. */
export function gitContextOf({ native, transport, scratch, session }: Build): CheckoutContext {
  return { native, transport, scratch, session }
}
