/** One operation on an image: found in the cache, or done; either way an image. */
import { posix } from 'node:path'
import type { Mount } from '@tdocker/api'
import { formatPlatform, type Platform } from '@tdocker/oci'
import { invalidParameter } from '../../base/errors.ts'
import { type StepKeyParts, stepKey } from '../cache/step-cache.ts'
import {
  type CopyRequest,
  type CopySources,
  copyError,
  copyTar,
  findCopySources,
} from '../copy/copy.ts'
import { TAR_END, ownEntry } from '../copy/rewrite-tar.ts'
import { Tree } from '../copy/tree.ts'
import { downloadSources, isGitSource, isUrl } from '../copy/download.ts'
import { prepareMounts } from '../exec/run-mounts.ts'
import { type RunOperation, runStep } from '../exec/run-step.ts'
import type { CopyOperation, Operation } from '../graph/operation.ts'
import type { Build } from './build.ts'

export interface StepPlace {
  /** undefined: from scratch. */
  parentId: string | undefined
  platform: Platform
  /** Image of a stage or of a name, for `--from`. */
  imageOf(from: string): Promise<string>
  /** Said as this stage's. */
  say(text: string): void
  sayError(text: string): void
  signal: AbortSignal
}

/** Answers the image's id. */
export async function doStep(build: Build, operation: Operation, at: StepPlace): Promise<string> {
  switch (operation.kind) {
    case 'run':
      return runOperation(build, operation, at)
    case 'copy':
      return copyOperation(build, operation, at)
    case 'workdir':
      return cached(build, operation, at, { content: [] }, () =>
        makeDirectory(build, operation.path, at),
      )
    case 'config':
      return cached(build, operation, at, { content: [] }, async () => undefined)
  }
}

type Tar = AsyncIterable<Uint8Array>

/** For steps whose result is a tar, or nothing. */
function cached(
  build: Build,
  operation: Operation,
  at: StepPlace,
  key: Pick<StepKeyParts, 'content'>,
  tar: () => Promise<Tar | undefined>,
): Promise<string> {
  return throughCache(build, operation, at, key, async (commit) => commit(await tar(), undefined))
}

type Commit = (tar: Tar | undefined, containerId: string | undefined) => Promise<string>

async function throughCache(
  build: Build,
  operation: Operation,
  at: StepPlace,
  { content }: Pick<StepKeyParts, 'content'>,
  make: (commit: Commit) => Promise<string>,
): Promise<string> {
  const { cache } = build
  const parentId = at.parentId ?? ''
  const key = stepKey({
    parentId,
    platform: formatPlatform(at.platform),
    operation: keyed(operation),
    content,
  })
  const find = async (): Promise<string | undefined> => {
    if (build.options.noCache) return undefined
    const found = cache.find(key)
    if (found === undefined || !build.hold(found)) return undefined
    at.say(' ---> Using cache\n')
    build.used(key)
    return found
  }
  const commit: Commit = async (tar, containerId) => {
    const id = await build.images.commit({
      parentId: at.parentId,
      platform: at.platform,
      config: operation.config,
      createdBy: operation.createdBy,
      containerId,
      author: operation.author,
      tar,
      signal: at.signal,
      statements: (imageId, size) => [
        cache.record({
          key,
          imageId,
          parentId,
          description: operation.createdBy.join(' '),
          kind: 'regular',
          size,
        }),
      ],
    })
    build.hold(id)
    return id
  }
  const found = await find()
  if (found !== undefined) return found
  const work = (): Promise<string> => build.steps.run(at.signal, () => make(commit))
  if (build.options.noCache) return work()
  return cache.once(key, at.signal, { find, make: work })
}

/** What is not told in history does not count either. */
function keyed(operation: Operation): unknown {
  if (operation.kind !== 'run') return operation
  const { hiddenEnv: _hidden, ...rest } = operation
  return rest
}

async function makeDirectory(
  build: Build,
  path: string,
  at: StepPlace,
): Promise<Tar | undefined> {
  using tree = await openImage(build, at.parentId)
  const real = tree ? await tree.resolve(path) : path
  const missing: string[] = []
  for (let each = real; each !== '/'; each = posix.dirname(each)) {
    const stat = await tree?.stat(each)
    if (stat?.type === 'directory') break
    if (stat) throw invalidParameter(`Cannot mkdir: ${path} is not a directory`)
    missing.unshift(each)
  }
  if (missing.length === 0) return undefined
  const mtime = String(Math.floor(Date.now() / 1000))
  const entries = missing.map((each) => {
    const name = `${Buffer.from(each).toString('latin1').slice(1)}/`
    return ownEntry({ name, type: '5', mode: 0o755, mtime })
  })
  return once([...entries, TAR_END])
}

async function* once(parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield Buffer.concat(parts)
}

async function openImage(build: Build, id: string | undefined): Promise<Tree | undefined> {
  if (id === undefined) return undefined
  return Tree.ofLayers(build.native, build.images.get(id).lowers)
}

async function runOperation(build: Build, operation: RunOperation, at: StepPlace): Promise<string> {
  const { parentId } = at
  if (parentId === undefined)
    throw invalidParameter('RUN needs a base image: there is nothing to run in scratch')
  const sources = {
    contextDirectory: build.contextDirectory,
    scratchDirectory: build.scratchDirectory,
    imageOf: at.imageOf,
    workingDir: operation.config.WorkingDir || '/',
  }
  const content = await mountContent(build, operation, at)
  return throughCache(build, operation, at, { content }, async (commit) => {
    const { mounts, locked } = await prepareMounts(build.mounts, operation, sources)
    const run = (): Promise<string> => runIn(build, operation, at, { parentId, mounts }, commit)
    return locked.toSorted().reduceRight<() => Promise<string>>(
      (inner, key) => () => build.mounts.locks.run(key, inner),
      run,
    )()
  })
}

/** What binds show, so that a change of it runs the step again. */
async function mountContent(
  build: Build,
  operation: RunOperation,
  at: StepPlace,
): Promise<string[]> {
  const content: string[] = []
  for (const mount of operation.mounts) {
    if (mount.type !== 'bind') continue
    const copy = copyOf(operation, mount.from, mount.source)
    using source = await openSource(build, copy, at)
    content.push((await findCopySources(requestOf(build, copy, at, source))).digest)
  }
  return content
}

/** A bind's source as one of COPY, for its digest alone. */
function copyOf(operation: RunOperation, from: string, source: string): CopyOperation & Operation {
  return {
    config: operation.config,
    createdBy: [],
    author: '',
    kind: 'copy',
    instruction: 'COPY',
    from,
    sources: [source.replace(/[*?[\\]/g, '\\$&') || '/'],
    files: [],
    destination: '/',
    workingDir: '/',
    chown: '',
    chmod: '',
    exclude: [],
    parents: false,
    link: false,
    checksum: '',
    unpack: false,
  }
}

async function runIn(
  build: Build,
  operation: RunOperation,
  at: StepPlace,
  { parentId, mounts }: { parentId: string; mounts: readonly Mount[] },
  commit: Commit,
): Promise<string> {
  let removed = ''
  const id = await runStep(
    build.run,
    {
      imageId: parentId,
      operation,
      options: build.options,
      mounts,
      signal: at.signal,
      heard: (text, isError) => (isError ? at.sayError(text) : at.say(text)),
      created: (container, warnings) => {
        for (const warning of warnings) at.say(` ---> [Warning] ${warning}\n`)
        at.say(` ---> Running in ${container.slice(0, 12)}\n`)
      },
      removed: (container) => (removed = container),
    },
    (tar, container) => commit(tar, container),
  )
  if (removed !== '') at.say(` ---> Removed intermediate container ${removed.slice(0, 12)}\n`)
  return id
}

async function copyOperation(
  build: Build,
  operation: CopyOperation & Operation,
  at: StepPlace,
): Promise<string> {
  const git = operation.instruction === 'ADD' ? operation.sources.find(isGitSource) : undefined
  if (git !== undefined)
    throw invalidParameter(`ADD ${git}: sources from git are not supported yet`)
  const urls = operation.instruction === 'ADD' ? operation.sources.filter(isUrl) : []
  if (operation.checksum !== '' && urls.length === 0)
    throw invalidParameter("checksum can't be specified for non-HTTP(S) sources")
  const local = { ...operation, sources: operation.sources.filter((each) => !urls.includes(each)) }
  await using downloads = await downloadSources(build, { urls, checksum: operation.checksum, signal: at.signal })
  using source = await openSource(build, local, at)
  const request = requestOf(build, local, at, source, downloads)
  try {
    const sources = await findCopySources(request)
    const said = named(operation, sources.digest)
    return await cached(build, said, at, { content: [sources.digest] }, () =>
      copyInto(build, request, sources, at),
    )
  } catch (error) {
    throw copyError(operation.instruction, error)
  }
}

/** As moby's history names a copy: by what was copied. */
function named(operation: CopyOperation & Operation, digest: string): CopyOperation & Operation {
  const { instruction, chown, destination, workingDir } = operation
  const slash = destination.endsWith('/') && destination !== '/' ? '/' : ''
  const place = `${posix.resolve('/', workingDir, destination)}${slash}`
  const flag = chown === '' ? '' : `--chown=${chown} `
  const comment = `#(nop) ${instruction} ${flag}${digest} in ${place} `
  return { ...operation, createdBy: [...operation.createdBy, comment] }
}

/** The tree of the sources. The caller disposes of it. */
async function openSource(
  build: Build,
  operation: CopyOperation,
  at: StepPlace,
): Promise<Tree | undefined> {
  if (operation.sources.length === 0) return undefined
  if (operation.from === '') return Tree.ofDirectory(build.native, build.contextDirectory)
  return openImage(build, await at.imageOf(operation.from))
}

function requestOf(
  build: Build,
  operation: CopyOperation,
  at: StepPlace,
  source: Tree | undefined,
  downloads?: CopyRequest['downloads'],
): CopyRequest {
  const { signal } = at
  const formats = (format: 'xz' | 'bzip2') => build.native.decompressor(format)
  return { operation, source, downloads, formats, signal }
}

async function copyInto(
  build: Build,
  request: CopyRequest,
  sources: CopySources,
  at: StepPlace,
): Promise<Tar> {
  const tree = await openImage(build, at.parentId)
  return closing(tree, async () => {
    const owner = await ownerOf(build, request.operation, tree)
    return copyTar(request, sources, { tree, owner })
  })
}

/** The tar with its tree, which is let go at the end. */
async function* closing(
  tree: Tree | undefined,
  open: () => Promise<Tar>,
): AsyncGenerator<Uint8Array> {
  using _tree = tree
  yield* await open()
}

/** Names are the target's. A user without a group has its own, a number the same one. */
async function ownerOf(
  build: Build,
  { chown, from }: CopyOperation,
  tree: Tree | undefined,
): Promise<{ uid: number; gid: number } | undefined> {
  if (chown === '') return from === '' ? { uid: 0, gid: 0 } : undefined
  const spec = /^\d+$/.test(chown) ? `${chown}:${chown}` : chown
  const numbers = /^(\d+):(\d+)$/.exec(spec)
  if (!tree) {
    if (numbers) return { uid: Number(numbers[1]), gid: Number(numbers[2]) }
    throw invalidParameter(`unable to convert uid/gid chown string to host mapping: can't find uid for user ${chown}`)
  }
  try {
    return await build.resolveOwner({ root: tree.root, spec })
  } catch (error) {
    throw invalidParameter(
      `unable to convert uid/gid chown string to host mapping: ${(error as Error).message}`,
      error,
    )
  }
}
