import type { Reference } from '@tdocker/oci'
import { parseReference, withDefaultTag } from '@tdocker/oci'
import { invalidParameter, system } from '../../base/errors.ts'
import type { StoredDocument } from '../image-records.ts'

/** An image as an archive describes it; nothing of it has been checked but its form. */
export interface ImageToLoad {
  /** The config's exact bytes: their digest is the image's id. */
  config: Buffer
  /** Of the config, where the archive says it. */
  mediaType?: string
  /** Members, bottom first. */
  layers: readonly string[]
  references: readonly Reference[]
  /** Id of another image of the same archive. */
  parent?: string
  /** What named the config in an OCI layout: the manifest last. */
  documents?: readonly StoredDocument[]
}

/** A name of `RepoTags` and the like; throws as moby. */
export function parseTag(text: string): Reference {
  let reference
  try {
    reference = parseReference(text)
  } catch (error) {
    throw invalidParameter(error instanceof Error ? error.message : String(error), error)
  }
  if (reference.tag === undefined) throw system(`invalid tag ${JSON.stringify(text)}`)
  return reference
}

/** A name that a layout gives an image, or nothing when it is only a tag of nobody knows what. */
export function parseLayoutName(text: string): Reference | undefined {
  if (!/[/:]/.test(text)) return undefined
  try {
    const reference = parseReference(text)
    return reference.digest === undefined ? withDefaultTag(reference) : undefined
  } catch {
    return undefined
  }
}

/** JSON of an archive's list; throws `invalid archive: failed to decode …`. */
export function decode(name: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    const reason = bytes.length === 0 ? 'EOF' : (error as Error).message
    throw system(`invalid archive: failed to decode ${name}: ${reason}`, error)
  }
}
