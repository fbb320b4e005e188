import { invalidParameter, notFound } from '../base/errors.ts'
import type { LiveNetwork } from './live-network.ts'

/** All networks in memory, in the order in which they were made. */
export class NetworkDirectory {
  readonly #byId = new Map<string, LiveNetwork>()
  readonly #byName = new Map<string, LiveNetwork>()

  all(): LiveNetwork[] {
    return [...this.#byId.values()]
  }

  add(network: LiveNetwork): void {
    this.#byId.set(network.id, network)
    this.#byName.set(network.name, network)
  }

  /** The same network as it is now. */
  replace(network: LiveNetwork): void {
    this.add(network)
  }

  delete(network: LiveNetwork): void {
    this.#byId.delete(network.id)
    this.#byName.delete(network.name)
  }

  byId(id: string): LiveNetwork | undefined {
    return this.#byId.get(id)
  }

  byName(name: string): LiveNetwork | undefined {
    return this.#byName.get(name)
  }

  /** By full id, then name, then a prefix of ids. Throws for a prefix that several have. */
  find(reference: string): LiveNetwork | undefined {
    const exact = this.#byId.get(reference) ?? this.#byName.get(reference)
    if (exact || reference === '') return exact
    const found = this.all().filter(({ id }) => id.startsWith(reference))
    if (found.length > 1)
      throw invalidParameter(
        `network ${reference} is ambiguous (${found.length} matches found based on ID prefix)`,
      )
    return found[0]
  }

  /** Throws notFound with Docker's sentence. */
  get(reference: string): LiveNetwork {
    const network = this.find(reference)
    if (network === undefined) throw notFound(`network ${reference} not found`)
    return network
  }
}
