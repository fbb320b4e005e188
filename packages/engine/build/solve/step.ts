/** One operation on an image: found in the cache, or done; either way an image. */
import type { Operation } from '../graph/operation.ts'
import type { Build } from './build.ts'
import { copyOperation } from './copy-operation.ts'
import { makeDirectory } from './make-directory.ts'
import type { StepPlace } from './place.ts'
import { runOperation } from './run-operation.ts'
import { cached } from './through-cache.ts'

/** Answers the image's id. */
export async function doStep(build: Build, operation: Operation, at: StepPlace): Promise<string> {
  switch (operation.kind) {
    case 'run':
      return runOperation(build, operation, at)
    case 'copy':
      return copyOperation(build, operation, at)
    case 'workdir':
      return cached(build, operation, at, { content: timeOf(build) }, () =>
        makeDirectory(build, { path: operation.path, user: operation.config.User ?? '' }, at),
      )
    case 'config':
      return cached(build, operation, at, { content: [] }, async () => undefined)
  }
}

/** Part of what the step makes, where it is given. */
function timeOf({ createdTime }: Build): string[] {
  return createdTime === undefined ? [] : [`created ${createdTime}`]
}
