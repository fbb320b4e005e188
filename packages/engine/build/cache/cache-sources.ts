/**
 * Images that `--cache-from` names, and steps found in them: moby's classic rule (imagecache: the
 * image's history begins with the parent's, and goes on with the same words), or, where the image
 * carries a record of its steps, by that. Only what was named is looked at, only for this build.
 */
import { type ImageConfig, type Platform, hostPlatform, platformMatches } from '@tdocker/oci'
import { isKind } from '../../base/errors.ts'
import type { Operation } from '../graph/operation.ts'
import type { BuildImage, BuildImages } from '../needs.ts'
import type { BuildTrace } from '../solve/build-trace.ts'
import { inlineRecord } from './inline-record.ts'

export interface CacheSourceOptions {
  images: Pick<BuildImages, 'find' | 'pull'>
  auths: Parameters<BuildImages['pull']>[0]['auths']
  /** As given: a name, or BuildKit's `type=registry,ref=NAME`. */
  cacheFrom: readonly string[]
  /** The registry is asked also for what is here. */
  pull: boolean
  /** Of the build; empty for the host's. */
  platform: string
  signal: AbortSignal
  trace: Pick<BuildTrace, 'step'>
  /** Keeps the image until the build ends. */
  hold(imageId: string): void
}

/** A step of an image: the entry of its history at `index`. */
export interface FoundStep {
  imageId: string
  index: number
  /** Nothing comes behind it: the image is the step's result. */
  isLast: boolean
}

export interface WantedStep {
  /** undefined: from scratch. */
  parent: ImageConfig | undefined
  platform: Platform
  operation: Operation
  /** What it does, whatever it is done to. */
  digest: string
}

export class CacheSources {
  readonly #o: CacheSourceOptions
  #sources: Promise<BuildImage[]> | undefined

  constructor(o: CacheSourceOptions) {
    this.#o = o
  }

  /** `say`: what is told when images are fetched, at the first step that nothing here has. */
  async find(step: WantedStep, say: (text: string) => void): Promise<FoundStep | undefined> {
    if (this.#o.cacheFrom.length === 0) return undefined
    this.#sources ??= this.#open(say)
    for (const source of await this.#sources) {
      const index = matchingStep(source.config, step)
      if (index === undefined) continue
      return { imageId: source.id, index, isLast: index === source.config.history!.length - 1 }
    }
    return undefined
  }

  async #open(say: (text: string) => void): Promise<BuildImage[]> {
    const opened = await Promise.all(this.#o.cacheFrom.map((each) => this.#openOne(each, say)))
    return opened.filter((image) => image !== undefined)
  }

  /** One that cannot be had is no failure: the steps run. */
  async #openOne(given: string, say: (text: string) => void): Promise<BuildImage | undefined> {
    const { images, platform, signal, auths, pull, hold } = this.#o
    const reference = referenceOf(given)
    if (reference === undefined) {
      say(
        `[Warning] cache-from ${given}: only images of a registry or of this host are supported\n`,
      )
      return undefined
    }
    const wanted = platform === '' ? undefined : platform
    let known: BuildImage | undefined
    try {
      known = images.find(reference, wanted)
      if (known === undefined || pull) {
        say(`Importing cache from ${reference}\n`)
        const step = this.#o.trace.step(
          `cache ${given}`,
          `importing cache manifest from ${reference}`,
        )
        await step.run(
          () => images.pull({ reference, platform: wanted, auths, signal, progress: () => {} }),
          signal,
        )
        known = images.find(reference, wanted)
      }
      if (known) hold(known.id)
      return known
    } catch (error) {
      if (signal.aborted || isKind(error, 'cancelled')) throw error
      say(`[Warning] failed to import cache from ${reference}: ${(error as Error).message}\n`)
      return known
    }
  }
}

function referenceOf(given: string): string | undefined {
  if (!given.includes('=')) return given
  const fields = new Map(
    given.split(',').map((field) => {
      const at = field.indexOf('=')
      return [field.slice(0, at).trim(), field.slice(at + 1).trim()] as const
    }),
  )
  return fields.get('type') === 'registry' ? fields.get('ref') : undefined
}

/** Place in the history of `source` of the step; undefined when it is another image's. */
export function matchingStep(source: ImageConfig, step: WantedStep): number | undefined {
  const before = step.parent?.history ?? []
  const index = before.length
  const entry = source.history?.[index]
  if (entry === undefined || !goesOnFrom(source, step.parent)) return undefined
  if (!platformMatches(step.platform, platformOf(source))) return undefined
  const recorded = inlineRecord(source).get(index)
  if (recorded !== undefined) return recorded === step.digest ? index : undefined
  if (!isToldByHistory(step.operation)) return undefined
  return entry.created_by === step.operation.createdBy.join(' ') ? index : undefined
}

function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  const host = hostPlatform()
  return { os: os || host.os, architecture, ...(variant && { variant }) }
}

function goesOnFrom(source: ImageConfig, parent: ImageConfig | undefined): boolean {
  if (parent === undefined) return true
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
  return (
    (parent.history ?? []).every((entry, at) =>
      same(fields(entry), fields(source.history![at]!)),
    ) && parent.rootfs.diff_ids.every((diffId, at) => diffId === source.rootfs.diff_ids[at])
  )
}

type HistoryEntry = NonNullable<ImageConfig['history']>[number]

function fields(entry: HistoryEntry): unknown[] {
  const { created, created_by, author, comment, empty_layer } = entry
  const moment = created === undefined ? undefined : Date.parse(created)
  return [moment, created_by ?? '', author ?? '', comment ?? '', empty_layer ?? false]
}

/** Whether the words of moby's history say all that the step depends on. */
function isToldByHistory(operation: Operation): boolean {
  switch (operation.kind) {
    case 'config':
    case 'workdir':
      return true
    case 'run': {
      const { mounts, network, script } = operation
      return mounts.length === 0 && network === 'default' && script === undefined
    }
    case 'copy': {
      const { instruction, chmod, exclude, parents, unpack } = operation
      const isPlain = chmod === '' && exclude.length === 0 && !parents
      return isPlain && (instruction === 'COPY' || unpack === undefined)
    }
  }
}
