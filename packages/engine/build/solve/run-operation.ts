/** RUN: a command in a container of the image so far. */
import type { Mount } from '@tdocker/api'
import { invalidParameter } from '../../base/errors.ts'
import { findCopySources } from '../copy/copy.ts'
import { prepareMounts } from '../exec/run-mounts.ts'
import { type RunOperation, runStep } from '../exec/run-step.ts'
import type { CopyOperation, Operation } from '../graph/operation.ts'
import type { Build } from './build.ts'
import type { StepPlace } from './place.ts'
import { openSource, requestOf } from './sources.ts'
import { type Commit, throughCache } from './through-cache.ts'

/** Answers the image's id. */
export async function runOperation(build: Build, operation: RunOperation, at: StepPlace): Promise<string> {
  const { parentId } = at
  if (parentId === undefined)
    throw invalidParameter('RUN needs a base image: there is nothing to run in scratch')
  const sources = {
    scratchDirectory: build.scratchDirectory,
    sourceOf: at.sourceOf,
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
      heard: (text, isError) => {
        at.traced.log(text, isError)
        if (isError) at.sayError(text)
        else at.say(text)
      },
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

