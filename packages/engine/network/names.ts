import { formatAddress, parseAddress, type Family } from './address.ts'

/** One endpoint as others find it. */
export interface NameRecord {
  endpointId: string
  networkId: string
  containerId: string
  /** Container name, aliases, short id, host name; the first answers reverse questions. */
  names: readonly string[]
  /** IPv4 and IPv6, without prefix length. */
  addresses: readonly string[]
}

export interface NameChange {
  networkId: string
  endpointId: string
}

/**
 * Who is called what on which network: the embedded DNS server's only source. Names match without
 * regard to case, as DNS has it (RFC 4343); addresses of a name that several endpoints share come
 * in the order in which these came.
 */
export class NameTable {
  readonly #networks = new Map<string, Map<string, NameRecord>>()
  readonly #listeners = new Set<(change: NameChange) => void>()

  /** Adds an endpoint or replaces what was said of it. */
  set(record: NameRecord): void {
    const records = this.#networks.get(record.networkId) ?? new Map<string, NameRecord>()
    this.#networks.set(record.networkId, records)
    records.set(record.endpointId, record)
    this.#tell(record)
  }

  /** Fine when it is not there. */
  delete(networkId: string, endpointId: string): void {
    const records = this.#networks.get(networkId)
    if (!records?.delete(endpointId)) return
    if (records.size === 0) this.#networks.delete(networkId)
    this.#tell({ networkId, endpointId })
  }

  /**
   * Addresses of a name on one network. undefined when nobody is called so, empty when they have no
   * address of that family: the name exists, and must not be asked elsewhere.
   */
  lookup(networkId: string, name: string, family: Family): string[] | undefined {
    const wanted = name.toLowerCase()
    const found = this.records(networkId).filter(({ names }) =>
      names.some((candidate) => candidate.toLowerCase() === wanted),
    )
    if (found.length === 0) return undefined
    return found.flatMap(({ addresses }) =>
      addresses.filter((text) => parseAddress(text)?.family === family),
    )
  }

  /** The first name of who has the address there. */
  reverse(networkId: string, address: string): string | undefined {
    const wanted = parseAddress(address)
    const text = wanted && formatAddress(wanted)
    return this.records(networkId).find(
      ({ addresses }) => text !== undefined && addresses.includes(text),
    )?.names[0]
  }

  /** undefined when it is not there. */
  record(networkId: string, endpointId: string): NameRecord | undefined {
    return this.#networks.get(networkId)?.get(endpointId)
  }

  records(networkId: string): NameRecord[] {
    return [...(this.#networks.get(networkId)?.values() ?? [])]
  }

  /** Answers how to stop hearing of changes. */
  onChange(listener: (change: NameChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #tell({ networkId, endpointId }: NameChange): void {
    for (const listener of this.#listeners) listener({ networkId, endpointId })
  }
}
