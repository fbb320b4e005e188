/**
 * Image references: `[domain/]path[:tag][@digest]` with Docker's familiar short forms. The grammar is
 * that of distribution-spec and of the `reference` package that Docker uses; messages are its own.
 */
import { isDigest, parseDigest } from './digest.ts'

const DEFAULT_DOMAIN = 'docker.io'
const LEGACY_DOMAIN = 'index.docker.io'
const OFFICIAL = 'library/'
const DEFAULT_TAG = 'latest'
const MAX_PATH = 255

const TAG = '[\\w][\\w.-]{0,127}'
const LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const HOST = `(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`
// A run of separators is matched by one alternative only, so matching stays linear.
const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const PATH = `${COMPONENT}(?:/${COMPONENT})*`
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[A-Fa-f0-9]{32,}'

const REFERENCE = new RegExp(`^(?:(${HOST})/)?(${PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`)
const ANCHORED_TAG = new RegExp(`^${TAG}$`)
const IDENTIFIER = /^[a-f0-9]{64}$/

/** Longer input is never a reference, and is refused before any pattern sees it. */
const MAX_INPUT = 4096

/** A normalised reference: `domain` and `path` are always there. */
export interface Reference {
  readonly domain: string
  readonly path: string
  readonly tag?: string
  readonly digest?: string
}

export class InvalidReference extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvalidReference'
  }
}

/**
 * Parses a name as users type it: `busybox`, `user/app:1`, `localhost:5000/x@sha256:…`.
 * Throws InvalidReference, or InvalidDigest for a digest of unknown algorithm or wrong length.
 */
export function parseReference(text: string): Reference {
  if (IDENTIFIER.test(text)) {
    throw new InvalidReference(
      `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`,
    )
  }
  const { domain, rest } = splitDomain(text)
  const colon = rest.indexOf(':')
  const path = colon === -1 ? rest : rest.slice(0, colon)
  if (path.toLowerCase() !== path) {
    throw new InvalidReference(
      `invalid reference format: repository name (${path}) must be lowercase`,
    )
  }
  return parseCanonical(`${domain}/${rest}`)
}

function parseCanonical(text: string): Reference {
  if (text.length > MAX_INPUT) throw new InvalidReference('invalid reference format')
  const match = REFERENCE.exec(text)
  if (match === null) {
    throw new InvalidReference(
      REFERENCE.test(text.toLowerCase())
        ? 'repository name must be lowercase'
        : 'invalid reference format',
    )
  }
  const [, domain = '', path = '', tag, digest] = match
  if (path.length > MAX_PATH) {
    throw new InvalidReference(`repository name must not be more than ${MAX_PATH} characters`)
  }
  return {
    domain,
    path,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest: parseDigest(digest) }),
  }
}

/** The first part is a host when it looks like one: a dot, a colon, an upper-case letter, localhost. */
function splitDomain(text: string): { domain: string; rest: string } {
  const slash = text.indexOf('/')
  if (slash === -1) return { domain: DEFAULT_DOMAIN, rest: OFFICIAL + text }
  const head = text.slice(0, slash)
  const tail = text.slice(slash + 1)
  const isHost = head === 'localhost' || /[.:]/.test(head) || head.toLowerCase() !== head
  const domain = head === LEGACY_DOMAIN ? DEFAULT_DOMAIN : isHost ? head : DEFAULT_DOMAIN
  const rest = isHost ? tail : text
  if (domain === DEFAULT_DOMAIN && !rest.includes('/')) return { domain, rest: OFFICIAL + rest }
  return { domain, rest }
}

/** What a user may mean: an image id or digest, or a reference. */
export type AnyReference =
  { kind: 'id'; digest: string } | { kind: 'reference'; reference: Reference }

export function parseAnyReference(text: string): AnyReference {
  if (IDENTIFIER.test(text)) return { kind: 'id', digest: `sha256:${text}` }
  if (isDigest(text)) return { kind: 'id', digest: text }
  return { kind: 'reference', reference: parseReference(text) }
}

export function withTag(reference: Reference, tag: string): Reference {
  if (!ANCHORED_TAG.test(tag)) throw new InvalidReference('invalid tag format')
  return { ...reference, tag }
}

export function withDigest(reference: Reference, digest: string): Reference {
  return { ...reference, digest: parseDigest(digest) }
}

/** Without tag and digest. */
export function nameOnly(reference: Reference): Reference {
  return { domain: reference.domain, path: reference.path }
}

/** Adds `latest` to a reference that has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  if (reference.tag !== undefined || reference.digest !== undefined) return reference
  return { ...reference, tag: DEFAULT_TAG }
}

/** `docker.io/library/busybox` */
export function canonicalName(reference: Reference): string {
  return `${reference.domain}/${reference.path}`
}

/** `docker.io/library/busybox:latest@sha256:…` */
export function canonicalString(reference: Reference): string {
  return canonicalName(reference) + suffix(reference)
}

/** The short form that Docker prints: `busybox`. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return canonicalName(reference)
  const short = reference.path.startsWith(OFFICIAL) ? reference.path.slice(OFFICIAL.length) : ''
  return short !== '' && !short.includes('/') ? short : reference.path
}

/** `busybox:latest` */
export function familiarString(reference: Reference): string {
  return familiarName(reference) + suffix(reference)
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`)
}

/** The reference of a canonical repository name as stored (`docker.io/library/busybox`). */
export function fromCanonicalName(name: string): Reference {
  const slash = name.indexOf('/')
  return { domain: name.slice(0, slash), path: name.slice(slash + 1) }
}
