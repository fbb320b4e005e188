import { parseReference } from '../../format/reference.ts'
import type { Reference } from '../../format/reference.ts'

/** A name with the tag that is meant where none is written. */
export function manifestName(text: string): Reference {
  const reference = parseReference(text)
  const isBare = reference.tag === undefined && reference.digest === undefined
  return isBare ? { ...reference, tag: 'latest' } : reference
}

/** `docker.io/library/busybox:latest` */
export function fullName({ domain, path, tag, digest }: Reference): string {
  return `${domain}/${path}${tag ? `:${tag}` : ''}${digest ? `@${digest}` : ''}`
}

/** What a registry is asked for. */
export function targetOf({ tag, digest }: Reference): string {
  return digest ?? tag ?? 'latest'
}
