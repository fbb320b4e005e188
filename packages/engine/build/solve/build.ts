/** What one build works with. */
import type { Native } from '@tdocker/kernel/native.ts'
import type { Semaphore } from '../../content/semaphore.ts'
import type { Transport } from '../../registry/transport.ts'
import type { BuildOptions } from '../build-backend.ts'
import type { CacheSources } from '../cache/cache-sources.ts'
import type { BuildContext } from '../context/tar-context.ts'
import type { StepCache } from '../cache/step-cache.ts'
import type { MountContext } from '../exec/run-mounts.ts'
import type { RunContext } from '../exec/run-step.ts'
import type { BuildImages, ResolveOwner } from '../needs.ts'
import type { BuildSession } from '../session.ts'
import type { BuildTrace } from './build-trace.ts'

export interface Build {
  options: BuildOptions
  trace: BuildTrace
  images: BuildImages
  cache: StepCache
  /** What `--cache-from` names. */
  cacheSources: CacheSources
  /** What the steps of this build did, by the image that came of them. */
  did: Map<string, { parentId: string | undefined; digest: string }>
  native: Native
  transport: Transport
  run: RunContext
  mounts: MountContext
  resolveOwner: ResolveOwner
  /** As many steps at a time as there are cores, of all builds together. */
  steps: Semaphore
  /** Seconds since 1970: of directories that WORKDIR makes, as BuildKit has it; undefined: now. */
  createdTime: number | undefined
  context: BuildContext
  /** What the client gives beside the request. */
  session: BuildSession | undefined
  /** A directory of this build's own; gone with it. */
  scratch(): Promise<string>
  /** Keeps an image until the build ends; false when it is not there any more. */
  hold(imageId: string): boolean
  /** The same for one that surely is there. */
  keep(imageId: string): void
  /** Notes that a step was found in the cache. */
  used(key: string): void
}
