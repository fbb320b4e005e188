import type { IPAMConfig } from '@tdocker/api'
import { forbidden, invalidParameter, system } from '../base/errors.ts'
import {
  contains,
  formatAddress,
  formatPrefix,
  overlaps,
  parseAddress,
  parsePrefix,
  prefixOf,
  type Address,
  type Family,
  type Prefix,
} from './address.ts'
import { joinedErrors } from './joined-errors.ts'

/** One subnet as a request wishes it. */
export interface PoolWish {
  family: Family
  /** undefined: one of the pools. */
  subnet?: Prefix
  /** Prefix length of a subnet out of the pools (`0.0.0.0/24`). */
  size?: number
  range?: Prefix
  gateway?: Address
  auxiliary?: Record<string, string>
}

/** How moby prints a subnet that is not there. */
const NO_PREFIX = 'invalid Prefix'

/** Throws invalidParameter with moby's sentences, one line each (daemon/network.go). */
export function checkIpam(configs: readonly IPAMConfig[], enableIPv6: boolean): void {
  const errors = configs.flatMap((config) => problemsOf(config, enableIPv6))
  const text = joinedErrors(errors)
  if (text !== undefined) throw invalidParameter(`invalid network config:\n${text}`)
}

function problemsOf(config: IPAMConfig, enableIPv6: boolean): string[] {
  const subnet = parsePrefix(config.Subnet ?? '')
  const family = subnet?.family ?? 4
  if (family === 6 && !enableIPv6) return []
  const problems: string[] = []
  if (subnet !== undefined && !isMasked(subnet))
    problems.push(`invalid subnet ${shown(subnet)}: it should be ${formatPrefix(subnet)}`)
  problems.push(...rangeProblems(config.IPRange ?? '', subnet))
  const gateway = addressProblem(config.Gateway ?? '', subnet)
  if (gateway) problems.push(`invalid gateway ${config.Gateway}: ${gateway}`)
  for (const [name, address] of Object.entries(config.AuxiliaryAddresses ?? {})) {
    const problem = addressProblem(address, subnet)
    if (problem) problems.push(`invalid auxiliary address ${name}: ${problem}`)
  }
  return problems
}

type Parsed = Prefix & { address: Address }

function rangeProblems(text: string, subnet: Parsed | undefined): string[] {
  const range = parsePrefix(text)
  if (range === undefined) return []
  const parent = subnet === undefined ? NO_PREFIX : shown(subnet)
  if (range.family !== (subnet?.family ?? 4))
    return [`invalid ip-range ${shown(range)}: parent subnet is an IPv${subnet?.family ?? 4} block`]
  const problems: string[] = []
  if (subnet !== undefined && range.length < subnet.length)
    problems.push(
      `invalid ip-range ${shown(range)}: CIDR block is bigger than its parent subnet ${parent}`,
    )
  if (!isMasked(range))
    problems.push(`invalid ip-range ${shown(range)}: it should be ${formatPrefix(range)}`)
  if (subnet === undefined || !overlaps(subnet, range))
    problems.push(
      `invalid ip-range ${shown(range)}: parent subnet ${parent} doesn't contain ip-range`,
    )
  return problems
}

function addressProblem(text: string, subnet: Parsed | undefined): string | undefined {
  const address = parseAddress(text)
  if (address === undefined) return undefined
  const family = subnet?.family ?? 4
  if (address.family !== family) return `parent subnet is an IPv${family} block`
  if (subnet !== undefined && contains(subnet, address)) return undefined
  return `parent subnet ${subnet === undefined ? NO_PREFIX : shown(subnet)} doesn't contain this address`
}

/** The wishes of both families, with one of our choice where none is said. */
export function poolWishes(
  configs: readonly IPAMConfig[],
  families: { enableIPv4: boolean; enableIPv6: boolean },
): PoolWish[] {
  const wishes = configs.flatMap((config) => wishOf(config) ?? [])
  return ([4, 6] as const).flatMap((family): PoolWish[] => {
    if (!(family === 4 ? families.enableIPv4 : families.enableIPv6)) return []
    const given = wishes.filter((wish) => wish.family === family)
    return given.length > 0 ? given : [{ family }]
  })
}

function wishOf(config: IPAMConfig): PoolWish | undefined {
  const subnet = parsePrefix(config.Subnet ?? '')
  if (subnet === undefined) return undefined
  const range = parsePrefix(config.IPRange ?? '')
  const gateway = parseAddress(config.Gateway ?? '')
  const auxiliary = config.AuxiliaryAddresses
  const wish: PoolWish = { family: subnet.family }
  // 0.0.0.0/24 asks for any subnet of that size.
  if (subnet.base === 0n) {
    if (range)
      throw system(
        `failed to parse pool request for address space "LocalDefault" pool "${shown(subnet)}" subpool "${shown(range)}": invalid address subpool`,
      )
    if (subnet.length > 0) wish.size = subnet.length
  } else wish.subnet = prefixOf(subnet.address, subnet.length)
  if (range) wish.range = prefixOf(range.address, range.length)
  if (gateway) wish.gateway = gateway
  if (auxiliary && Object.keys(auxiliary).length > 0) wish.auxiliary = { ...auxiliary }
  return wish
}

/**
 * Throws forbidden when the subnet meets one of another network. Two networks may share a subnet
 * whose ranges are apart, as moby lets them.
 */
export function checkOverlap(
  wish: PoolWish,
  others: ReadonlyArray<{ network: string; subnet: Prefix; range: Prefix | undefined }>,
): void {
  const { subnet, range } = wish
  if (subnet === undefined) return
  const clash = others.find((other) => {
    if (!overlaps(other.subnet, subnet)) return false
    return range === undefined || other.range === undefined || overlaps(other.range, range)
  })
  if (clash === undefined) return
  throw forbidden(
    'invalid pool request: Pool overlaps with other one on this address space: ' +
      `${formatPrefix(subnet)} meets ${formatPrefix(clash.subnet)} of network ${clash.network}`,
  )
}

function isMasked(prefix: Parsed): boolean {
  return prefix.base === prefix.address.value
}

function shown(prefix: Parsed): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`
}
