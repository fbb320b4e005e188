/**
 * What an image's own config tells of the steps that made it, for builds on other machines
 * (`BUILDKIT_INLINE_CACHE=1`, `--cache-from`): for entries of its history, the digest of what the step
 * did. The step's parent is not part of it: whoever uses the record compares the history before it.
 */
import type { ImageConfig } from '@tdocker/oci'

/** Of the config's top, beside BuildKit's `moby.buildkit.cache.v0`, whose digests are of its own graph. */
export const INLINE_RECORD = 'tdocker.build.cache.v1' as const

/** Digests by place in the history. */
export type StepDigests = ReadonlyMap<number, string>

/** Empty where there is none, or none that can be read. */
export function inlineRecord(config: ImageConfig): StepDigests {
  return new Map((config[INLINE_RECORD] ?? []).filter(isEntry))
}

export function recordOf(digests: StepDigests): Array<[number, string]> {
  return [...digests].toSorted(([a], [b]) => a - b)
}

function isEntry(entry: unknown): entry is [number, string] {
  return (
    Array.isArray(entry) &&
    entry.length === 2 &&
    Number.isSafeInteger(entry[0]) &&
    typeof entry[1] === 'string'
  )
}

/** As BuildKit's frontend reads the argument: Go's `ParseBool`. */
export function wantsRecord(buildArgs: Readonly<Record<string, string | null>>): boolean {
  return ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(buildArgs[INLINE_ARG] ?? '')
}

export const INLINE_ARG = 'BUILDKIT_INLINE_CACHE'
