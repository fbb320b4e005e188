import { contains, overlaps, parsePrefix, sizeOf, type Prefix } from './address.ts'

/** A pool that subnets of one size are cut from. */
export interface AddressPool {
  base: Prefix
  /** Prefix length of each subnet. */
  size: number
}

/** Docker's: 172.17–31.0.0/16, then 192.168.0.0/16 in /20. */
export const DEFAULT_POOLS: readonly AddressPool[] = [
  ...Array.from({ length: 15 }, (_, i) => pool(`172.${17 + i}.0.0/16`, 16)),
  pool('192.168.0.0/16', 20),
]

/** Parses one entry of `default-address-pools`. undefined when base or size is wrong. */
export function parsePool(base: string, size: number): AddressPool | undefined {
  const prefix = parsePrefix(base)
  if (prefix === undefined || size < prefix.length || size > 30) return undefined
  return { base: { base: prefix.base, length: prefix.length }, size }
}

/** The first subnet of the pools that touches nothing in `taken`; undefined when there is none. */
export function chooseSubnet(
  pools: readonly AddressPool[],
  taken: readonly Prefix[],
): Prefix | undefined {
  for (const { base, size } of pools) {
    const step = 2 ** (32 - size)
    for (let at = base.base; at < base.base + sizeOf(base); at += step) {
      const candidate = { base: at, length: size }
      if (!taken.some((prefix) => overlaps(prefix, candidate))) return candidate
    }
  }
  return undefined
}

/**
 * Addresses of one subnet, handed out in ascending order with wrap: an address that was just freed
 * comes last, so that nothing still on its way to the old owner meets a new one.
 */
export class AddressSpace {
  readonly #subnet: Prefix
  readonly #used = new Set<number>()
  #last: number

  /** `reserved`: the gateway and other addresses that are never handed out. */
  constructor(subnet: Prefix, reserved: readonly number[]) {
    this.#subnet = subnet
    this.#last = subnet.base
    for (const address of reserved) this.#used.add(address)
  }

  /** undefined when every address is taken. */
  allocate(): number | undefined {
    const { base } = this.#subnet
    // The network's own and the broadcast address are nobody's.
    const first = base + 1
    const count = sizeOf(this.#subnet) - 2
    for (let i = 0; i < count; i++) {
      const address = first + ((this.#last - base + i) % count)
      if (this.#used.has(address)) continue
      this.#used.add(address)
      this.#last = address
      return address
    }
    return undefined
  }

  /** Takes a given address; false when it is taken or not of this subnet. */
  take(address: number): boolean {
    if (!contains(this.#subnet, address) || this.#used.has(address)) return false
    this.#used.add(address)
    return true
  }

  free(address: number): void {
    this.#used.delete(address)
  }

  /** How many are taken, the reserved ones among them. */
  get inUse(): number {
    return this.#used.size
  }
}

function pool(base: string, size: number): AddressPool {
  const parsed = parsePool(base, size)
  if (parsed === undefined) throw new Error(`bad pool ${base}`)
  return parsed
}
