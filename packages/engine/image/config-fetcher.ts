/** Configs of images on their way in: asked for once, however many pulls need one at about a time. */
import type { Descriptor } from '@tdocker/oci'
import { SharedTransfers } from '../content/shared-transfers.ts'

/** Bodies remembered, until their images are in the store. */
const MAX_KNOWN = 32

export class ConfigFetcher {
  readonly #shared = new SharedTransfers<Buffer, never>()
  /** By digest, which `fetch` has verified; the last used at the end. */
  readonly #known = new Map<string, Buffer>()

  async get(
    { digest, size }: Descriptor,
    signal: AbortSignal,
    fetch: (signal: AbortSignal) => Promise<Buffer>,
  ): Promise<Buffer> {
    const known = this.#known.get(digest)
    // A descriptor that lies about the size is for `fetch` to refuse.
    if (known?.length === size) return known
    const body = await this.#shared.run(`${digest} ${size}`, { signal, progress: () => {} }, fetch)
    this.#known.set(digest, body)
    const [oldest] = this.#known.keys()
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest)
    return body
  }

  /** The image is in the store. */
  forget({ digest }: Descriptor): void {
    this.#known.delete(digest)
  }
}
