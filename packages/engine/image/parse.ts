/** References and platforms as clients send them, with errors of the right kind. */
import {
  type AnyReference,
  type Platform,
  type Reference,
  isDigest,
  nameOnly,
  parseAnyReference,
  parsePlatform,
  parseReference,
  withDefaultTag,
  withDigest,
  withTag,
} from '@tdocker/oci'
import { forbidden, invalidParameter } from '../base/errors.ts'

function orInvalid<T>(body: () => T): T {
  try {
    return body()
  } catch (error) {
    throw invalidParameter(error instanceof Error ? error.message : String(error), error)
  }
}

export function parseName(text: string): AnyReference {
  return orInvalid(() => parseAnyReference(text))
}

export function parsePlatformText(text: string | undefined): Platform | undefined {
  return text === undefined || text === '' ? undefined : orInvalid(() => parsePlatform(text))
}

/** `fromImage` and `tag` of a pull; the tag may be a digest. Without either: all tags. */
export function parsePull(image: string, tag: string | undefined): Reference {
  return orInvalid(() => {
    const reference = parseReference(image.replace(/:$/, ''))
    if (tag === undefined || tag === '') return reference
    return isDigest(tag) ? withDigest(nameOnly(reference), tag) : withTag(reference, tag)
  })
}

/** `name` and `tag` of a push. Without a tag in either: all tags. */
export function parsePush(name: string, tag: string): Reference {
  return orInvalid(() => {
    const reference = parseReference(name)
    if (tag === '') return reference
    if (reference.digest !== undefined) throw new Error('cannot import digest reference')
    return withTag(reference, tag)
  })
}

/** `repo` and `tag` of tag and import; undefined when there is no repo. */
export function parseRepoTag(repo: string, tag: string): Reference | undefined {
  if (repo === '') return undefined
  return orInvalid(() => {
    const reference = parseReference(repo)
    if (reference.digest !== undefined) throw new Error('cannot import digest reference')
    return tag === '' ? withDefaultTag(reference) : withTag(reference, tag)
  })
}

/** Names that are never images. */
export function refuseReserved(reference: Reference): void {
  if (reference.domain === 'docker.io' && reference.path === 'library/scratch') {
    throw forbidden("'scratch' is a reserved name")
  }
}
