import {
  contains,
  parseAddress,
  parsePrefix,
  prefixOf,
  type Address,
  type Family,
  type Prefix,
} from './address.ts'
import type { EndpointRow } from './endpoint-rows.ts'
import { AddressSpace } from './ipam.ts'
import { PREDEFINED_NAMES } from './predefined.ts'
import type { NetworkConfig, NetworkRow, PoolConfig } from './network-rows.ts'

/** One subnet of a network with what is taken of it. */
export interface LivePool {
  family: Family
  config: PoolConfig
  space: AddressSpace
  gateway: Address | undefined
}

/** A network as the daemon holds it in memory. */
export class LiveNetwork {
  readonly id: string
  readonly name: string
  readonly driver: string
  readonly createdAt: number
  readonly config: NetworkConfig
  readonly pools: readonly LivePool[]
  /** Those of running containers, by id. */
  readonly endpoints: Map<string, EndpointRow> = new Map()

  constructor(row: NetworkRow) {
    this.id = row.id
    this.name = row.name
    this.driver = row.driver
    this.createdAt = row.createdAt
    this.config = row.config
    this.pools = row.config.pools.map(livePool)
  }

  get row(): NetworkRow {
    const { id, name, driver, createdAt, config } = this
    return { id, name, driver, createdAt, config }
  }

  get internal(): boolean {
    return this.config.internal
  }

  /** One of Docker's own: always there, without names and addresses of the user's choice. */
  get predefined(): boolean {
    return PREDEFINED_NAMES.has(this.name)
  }

  poolsOf(family: Family): LivePool[] {
    return this.pools.filter((pool) => pool.family === family)
  }

  /** The pool that holds the address. */
  poolOf(text: string): LivePool | undefined {
    const address = parseAddress(text)
    return address && this.pools.find(({ space }) => contains(space.subnet, address))
  }

  /** An endpoint that has had its addresses since before this daemon. */
  adopt(row: EndpointRow): void {
    this.endpoints.set(row.id, row)
    for (const text of [row.address, row.address6]) {
      const address = parseAddress(text)
      if (address) this.poolOf(text)?.space.take(address)
    }
  }

  /** Its addresses may be given to others. */
  drop(row: EndpointRow): void {
    if (!this.endpoints.delete(row.id)) return
    for (const text of [row.address, row.address6]) {
      const address = parseAddress(text)
      if (address) this.poolOf(text)?.space.free(address)
    }
  }
}

export function subnetOf(pool: PoolConfig): Prefix {
  const prefix = parsePrefix(pool.subnet)
  if (prefix === undefined) throw new Error(`bad subnet ${pool.subnet}`)
  return prefixOf(prefix.address, prefix.length)
}

function livePool(config: PoolConfig): LivePool {
  const subnet = subnetOf(config)
  const range = parsePrefix(config.range ?? '')
  const space = new AddressSpace(subnet, range && prefixOf(range.address, range.length))
  const gateway = parseAddress(config.gateway ?? '')
  for (const text of [config.gateway ?? '', ...Object.values(config.auxiliary ?? {})]) {
    const address = parseAddress(text)
    if (address) space.take(address)
  }
  return { family: subnet.family, config, space, gateway }
}
