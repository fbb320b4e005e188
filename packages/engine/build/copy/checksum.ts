/** `ADD --checksum` of a file (github.com/opencontainers/go-digest). */
import { createHash } from 'node:crypto'
import { invalidParameter } from '../../base/errors.ts'

const LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 }

/** Throws invalidParameter in go-digest's words. */
export function parseChecksum(text: string): { algorithm: string; hex: string } {
  const [, algorithm = '', hex = ''] =
    /^([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(text) ?? []
  if (hex === '') throw invalidParameter('invalid checksum digest format')
  const length = LENGTHS[algorithm]
  if (length === undefined) throw invalidParameter('unsupported digest algorithm')
  if (hex.length !== length) throw invalidParameter('invalid checksum digest length')
  if (!/^[0-9a-f]+$/.test(hex)) throw invalidParameter('invalid checksum digest format')
  return { algorithm, hex }
}

/** Several digests of one content. */
export class Hasher {
  readonly #hashes: ReadonlyMap<string, ReturnType<typeof createHash>>

  constructor(algorithms: Iterable<string>) {
    this.#hashes = new Map([...new Set(algorithms)].map((each) => [each, createHash(each)]))
  }

  update(chunk: Uint8Array): void {
    for (const hash of this.#hashes.values()) hash.update(chunk)
  }

  /** By algorithm, with its name before it. */
  digests(): Map<string, string> {
    return new Map([...this.#hashes].map(([name, hash]) => [name, `${name}:${hash.digest('hex')}`]))
  }
}
