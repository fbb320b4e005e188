import { createHash, type Hash } from 'node:crypto'

/** Algorithms of image-spec descriptor.md that are accepted, with their length in hex digits. */
const HEX_LENGTH: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 }

const DIGEST = /^[A-Za-z0-9]+(?:[.+_-][A-Za-z0-9]+)*:[A-Fa-f0-9]+$/

/** A digest that does not parse; the messages are go-digest's, as Docker clients see them. */
export class InvalidDigest extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvalidDigest'
  }
}

/**
 * Checks `algorithm:hex` and answers it unchanged. What passes holds no `/` and no `.`, so its hex
 * may be a file name.
 */
export function parseDigest(text: string): string {
  const colon = text.indexOf(':')
  if (colon <= 0 || colon + 1 === text.length || !DIGEST.test(text)) {
    throw new InvalidDigest('invalid checksum digest format')
  }
  const algorithm = text.slice(0, colon)
  const length = Object.hasOwn(HEX_LENGTH, algorithm) ? HEX_LENGTH[algorithm] : undefined
  if (length === undefined) throw new InvalidDigest('unsupported digest algorithm')
  const hex = text.slice(colon + 1)
  if (hex.length !== length) throw new InvalidDigest('invalid checksum digest length')
  if (hex !== hex.toLowerCase()) throw new InvalidDigest('invalid checksum digest format')
  return text
}

export function isDigest(text: string): boolean {
  // Names are asked about far more often, and an error costs more than all the rest.
  if (!text.includes(':')) return false
  try {
    parseDigest(text)
    return true
  } catch {
    return false
  }
}

export function digestAlgorithm(digest: string): string {
  return digest.slice(0, digest.indexOf(':'))
}

export function digestHex(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1)
}

/** The digest of bytes; sha256 unless another algorithm is named. */
export function digestOf(bytes: Uint8Array | string, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

export function verifyBytes(digest: string, bytes: Uint8Array): boolean {
  return digestOf(bytes, digestAlgorithm(parseDigest(digest))) === digest
}

/** Feeds bytes piece by piece, then says whether they are those of `digest`. */
export class DigestVerifier {
  readonly digest: string
  readonly #hash: Hash
  #actual: string | undefined

  constructor(digest: string) {
    this.digest = parseDigest(digest)
    this.#hash = createHash(digestAlgorithm(digest))
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk)
  }

  /** The digest of what was fed; no more may be fed after. */
  actual(): string {
    this.#actual ??= `${digestAlgorithm(this.digest)}:${this.#hash.digest('hex')}`
    return this.#actual
  }

  verified(): boolean {
    return this.actual() === this.digest
  }
}

/** The 12 hex digits by which Docker shows images, layers and containers. */
export function shortId(id: string): string {
  return digestHex(id).slice(0, 12)
}

/** Chain IDs of a layer stack, bottom first (image-spec config.md, "Layer ChainID"). */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffId of diffIds) {
    const below = chain.at(-1)
    chain.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`))
  }
  return chain
}
