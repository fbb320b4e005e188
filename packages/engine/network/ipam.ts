import {
  contains,
  overlaps,
  parsePrefix,
  prefixOf,
  sizeOf,
  type Address,
  type Family,
  type Prefix,
} from './address.ts'

/** A pool that subnets of one size are cut from. */
export interface AddressPool {
  base: Prefix
  /** Prefix length of each subnet. */
  size: number
}

const LONGEST: Readonly<Record<Family, number>> = { 4: 30, 6: 126 }

/**
 * Docker's first (172.17–31.0.0/16, then 192.168.0.0/16 in /20), which make 31 networks; then small
 * ones out of a part of 10.0.0.0/8 that neither VPNs nor clusters begin with.
 */
export const DEFAULT_POOLS: readonly AddressPool[] = [
  ...Array.from({ length: 15 }, (_, i) => pool(`172.${17 + i}.0.0/16`, 16)),
  pool('192.168.0.0/16', 20),
  pool('10.192.0.0/10', 24),
]

/** Parses one entry of `default-address-pools`. undefined when base or size is wrong. */
export function parsePool(base: string, size: number): AddressPool | undefined {
  const prefix = parsePrefix(base)
  if (prefix === undefined || size < prefix.length || size > LONGEST[prefix.family])
    return undefined
  return { base: prefixOf(prefix.address, prefix.length), size }
}

export interface SubnetWish {
  pools: readonly AddressPool[]
  family: Family
  /** Prefix length instead of the pools' own. */
  size?: number
  /** What the subnet must not touch. */
  taken: readonly Prefix[]
}

/** The first subnet of the pools that touches nothing taken; undefined when there is none. */
export function chooseSubnet({ pools, family, size, taken }: SubnetWish): Prefix | undefined {
  for (const { base, size: usual } of pools) {
    const length = size ?? usual
    if (base.family !== family || length < base.length || length > LONGEST[family]) continue
    const found = firstFree(base, length, taken)
    if (found !== undefined) return found
  }
  return undefined
}

/** Goes on behind whatever is in the way: a pool may hold thousands of subnets. */
function firstFree(base: Prefix, length: number, taken: readonly Prefix[]): Prefix | undefined {
  const { family } = base
  const end = base.base + sizeOf(base)
  let candidate = prefixOf({ family, value: base.base }, length)
  while (candidate.base < end) {
    const clash = taken.find((prefix) => overlaps(prefix, candidate))
    if (clash === undefined) return candidate
    const step = sizeOf(candidate)
    const after = clash.base + sizeOf(clash)
    const next = after > candidate.base + step ? after : candidate.base + step
    candidate = { family, base: ((next + step - 1n) / step) * step, length }
  }
  return undefined
}

/**
 * Addresses of one subnet, handed out in ascending order with wrap: an address that was just freed
 * comes last, so that nothing still on its way to the old owner meets a new one.
 */
export class AddressSpace {
  readonly subnet: Prefix
  /** Where addresses that nobody asked for by name come from. */
  readonly range: Prefix
  readonly #used = new Set<bigint>()
  #last: bigint

  constructor(subnet: Prefix, range: Prefix = subnet) {
    this.subnet = subnet
    this.range = range
    this.#last = range.base - 1n
    // The network's own and the broadcast address are nobody's; for IPv6 the routers' (RFC 4291 2.6.1).
    const size = sizeOf(subnet)
    if (subnet.family === 6 || size > 2n) this.#used.add(subnet.base)
    if (subnet.family === 4 && size > 2n) this.#used.add(subnet.base + size - 1n)
  }

  /** undefined when every address of the range is taken. */
  allocate(): Address | undefined {
    const { family, base } = this.range
    const count = sizeOf(this.range)
    const tries = BigInt(this.#used.size) + 1n
    for (let i = 1n; i <= (tries < count ? tries : count); i++) {
      const value = base + ((this.#last - base + i) % count)
      if (this.#used.has(value)) continue
      this.#used.add(value)
      this.#last = value
      return { family, value }
    }
    return undefined
  }

  /** Takes a given address of the subnet; false when it is taken or not of this subnet. */
  take(address: Address): boolean {
    if (!contains(this.subnet, address) || this.#used.has(address.value)) return false
    this.#used.add(address.value)
    return true
  }

  free(address: Address): void {
    if (address.family === this.subnet.family) this.#used.delete(address.value)
  }

  /** How many are taken, those that are nobody's among them. */
  get inUse(): number {
    return this.#used.size
  }

  /** How many may still be handed out; not more than a number can say. */
  get available(): number {
    let used = 0n
    for (const value of this.#used)
      if (contains(this.range, { family: this.range.family, value })) used++
    return Number(sizeOf(this.range) - used)
  }
}

function pool(base: string, size: number): AddressPool {
  const parsed = parsePool(base, size)
  if (parsed === undefined) throw new Error(`bad pool ${base}`)
  return parsed
}
