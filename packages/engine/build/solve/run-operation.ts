/** RUN: a command in a container of the image so far. */
import { posix } from 'node:path'
import { invalidParameter } from '../../base/errors.ts'
import { findCopySources } from '../copy/copy.ts'
import { preparePrivateMounts } from '../exec/private-mounts.ts'
import { type MountSources, type PreparedMounts, prepareMounts } from '../exec/run-mounts.ts'
import { type RunOperation, runStep } from '../exec/run-step.ts'
import { plainCopy } from '../graph/operation.ts'
import type { StepExtras, StepRoom } from '../needs.ts'
import type { Build } from './build.ts'
import type { StepPlace } from './place.ts'
import { openImage, openSource, requestOf } from './sources.ts'
import { type Commit, throughCache } from './through-cache.ts'

/** Answers the image's id. */
export async function runOperation(
  build: Build,
  operation: RunOperation,
  at: StepPlace,
): Promise<string> {
  const { parentId } = at
  if (parentId === undefined)
    throw invalidParameter('RUN needs a base image: there is nothing to run in scratch')
  const digestOf = digestsOf(build, operation, at)
  const content = await mountContent(operation, digestOf)
  const sources: MountSources = {
    scratch: build.scratch,
    sourceOf: at.sourceOf,
    lowersOf: (imageId) => build.images.get(imageId).lowers,
    digestOf,
    cacheNamespace: build.options.buildArgs['BUILDKIT_CACHE_MOUNT_NS'] ?? '',
    workingDir: operation.config.WorkingDir || '/',
    signal: at.signal,
  }
  return throughCache(build, operation, at, { content }, async (commit) => {
    using prepared = await prepareMounts(build.mounts, operation, sources)
    using hidden = await preparePrivateMounts(
      { native: build.native, session: build.session, ...sources },
      operation,
    )
    const { extras } = hidden
    return await runIn(build, operation, at, { parentId, prepared, extras }, commit)
  })
}

type DigestOf = (from: string, source: string) => Promise<string>

/** What mounts show, so that a change of it runs the step again. */
async function mountContent(operation: RunOperation, digestOf: DigestOf): Promise<string[]> {
  const content: string[] = []
  for (const mount of operation.mounts)
    if (mount.type === 'bind' || (mount.type === 'cache' && mount.from !== ''))
      content.push(await digestOf(mount.from, mount.source))
  return content
}

/** Each is looked at once. */
function digestsOf(build: Build, operation: RunOperation, at: StepPlace): DigestOf {
  const known = new Map<string, Promise<string>>()
  const find = async (from: string, source: string): Promise<string> => {
    // As one of COPY, for its digest alone.
    const pattern = source.replace(/[*?[\\]/g, '\\$&') || '/'
    const copy = plainCopy({ config: operation.config, createdBy: [], from, source: pattern })
    using tree = await openSource(build, copy, at)
    const path = posix.resolve('/', source)
    if (!(await tree?.stat(path)))
      throw invalidParameter(`failed to compute cache key: ${JSON.stringify(path)}: not found`)
    return (await findCopySources(requestOf(build, copy, at, tree))).digest
  }
  return (from, source) => {
    const key = JSON.stringify([from, source])
    const found = known.get(key) ?? find(from, source)
    known.set(key, found)
    return found
  }
}

async function runIn(
  build: Build,
  operation: RunOperation,
  at: StepPlace,
  {
    parentId,
    prepared,
    extras,
  }: { parentId: string; prepared: PreparedMounts; extras: StepExtras },
  commit: Commit,
): Promise<string> {
  let removed = ''
  let room: StepRoom | undefined
  const { mounts, stepMounts } = prepared
  const targets = [
    ...mounts.map(({ Target = '' }) => Target),
    ...[...stepMounts, ...extras.mounts].map(({ target }) => target),
  ]
  const id = await runStep(
    build.run,
    {
      imageId: parentId,
      operation,
      options: build.options,
      mounts,
      stepMounts,
      extras,
      stubs: await stubsOf(build, parentId, targets),
      signal: at.signal,
      untilTold: build.options.untilTold,
      heard: (text, isError) => {
        at.traced.log(text, isError)
        if (isError) at.sayError(text)
        else at.say(text)
      },
      created: (container, warnings) => {
        for (const warning of warnings) at.say(` ---> [Warning] ${warning}\n`)
        at.say(` ---> Running in ${container.slice(0, 12)}\n`)
      },
      started: () => (room = build.images.room()),
      removed: (container) => (removed = container),
    },
    (tar, container) => commit(tar, container, room),
  ).finally(() => {
    if (room) build.run.later(Promise.resolve(room[Symbol.asyncDispose]()))
  })
  if (removed !== '') at.say(` ---> Removed intermediate container ${removed.slice(0, 12)}\n`)
  return id
}

/** Mount points, links followed, and the directories above them that may have been made for them. */
async function stubsOf(
  build: Build,
  imageId: string,
  targets: readonly string[],
): Promise<string[]> {
  if (targets.length === 0) return []
  const stubs = new Set<string>()
  using tree = await openImage(build, imageId)
  for (const target of targets) {
    const path = (await tree?.resolve(target)) ?? target
    for (let at = path; at !== '/'; at = posix.dirname(at)) stubs.add(at)
  }
  return [...stubs]
}
