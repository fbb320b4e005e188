/** Where in a build a step stands. */
import type { Platform } from '@tdocker/oci'
import type { TracedStep } from './build-trace.ts'

/** What `--from` names: an image (of a stage, of a name), or a directory that a client or git filled. */
export type StepSource = { kind: 'image'; id: string } | { kind: 'directory'; path: string }

export interface StepPlace {
  /** undefined: from scratch. */
  parentId: string | undefined
  platform: Platform
  /** A stage before this one, a named context or an image; empty: the build context. */
  sourceOf(from: string): Promise<StepSource>
  /** Said as this stage's. */
  say(text: string): void
  sayError(text: string): void
  /** Whatever the cache has, the step runs. */
  noCache: boolean
  /** What displays show of it. */
  traced: TracedStep
  signal: AbortSignal
}
