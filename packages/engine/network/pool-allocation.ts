import { forbidden, invalidParameter, system } from '../base/errors.ts'
import { contains, formatAddress, formatPrefix, parseAddress, type Prefix } from './address.ts'
import { checkOverlap, type PoolWish } from './ipam-request.ts'
import { AddressSpace, chooseSubnet, type AddressPool } from './ipam.ts'
import type { PoolConfig } from './network-rows.ts'

/** A subnet that another network has. */
export interface TakenPool {
  network: string
  subnet: Prefix
  range: Prefix | undefined
}

export interface PoolRules {
  pools: readonly AddressPool[]
  others: readonly TakenPool[]
  /** What a subnet of our choice must not touch. */
  taken: readonly Prefix[]
  /** Whether an address is kept for a gateway that nobody named. */
  gateway: boolean
}

/**
 * Subnet, gateway and auxiliary addresses as wished; `kept` for a configuration that is not served
 * now. Throws with moby's sentences (libnetwork's ipamAllocateVersion).
 */
export function allocatePool(wish: PoolWish, rules: PoolRules | 'kept'): PoolConfig[] {
  const subnet = subnetFor(wish, rules)
  const config: PoolConfig = { subnet: formatPrefix(subnet), given: wish.subnet !== undefined }
  if (wish.range !== undefined) config.range = formatPrefix(wish.range)
  if (wish.auxiliary !== undefined) config.auxiliary = wish.auxiliary
  if (wish.gateway !== undefined) config.gateway = formatAddress(wish.gateway)
  if (rules === 'kept') return [config]

  const space = new AddressSpace(subnet, wish.range)
  if (wish.gateway !== undefined) {
    if (!contains(subnet, wish.gateway))
      throw system(
        `failed to allocate gateway (${config.gateway}): requested address is out of range`,
      )
    if (!space.take(wish.gateway))
      throw system(`failed to allocate gateway (${config.gateway}): Address already in use`)
  } else if (rules.gateway) {
    const gateway = space.allocate()
    if (gateway === undefined)
      throw system('failed to allocate gateway (): no available addresses on this pool')
    config.gateway = formatAddress(gateway)
  }
  takeAuxiliary(space, wish.auxiliary ?? {})
  return [config]
}

function subnetFor(wish: PoolWish, rules: PoolRules | 'kept'): Prefix {
  if (rules !== 'kept') checkOverlap(wish, rules.others)
  if (wish.subnet !== undefined) return wish.subnet
  if (rules === 'kept') throw system('a configuration without subnet')
  const { family, size } = wish
  const subnet = chooseSubnet({
    pools: rules.pools,
    family,
    taken: rules.taken,
    ...(size === undefined ? {} : { size }),
  })
  if (subnet === undefined)
    throw invalidParameter('all predefined address pools have been fully subnetted')
  return subnet
}

function takeAuxiliary(space: AddressSpace, auxiliary: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(auxiliary)) {
    const address = parseAddress(text)
    if (address === undefined || !contains(space.subnet, address))
      throw forbidden(
        `auxiliary address: (${name}:${text}) must belong to the master pool: ${formatPrefix(space.subnet)}`,
      )
    if (!space.take(address))
      throw system(
        `failed to allocate secondary ip address (${name}:${text}): Address already in use`,
      )
  }
}
