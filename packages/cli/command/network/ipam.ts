import { BlockList, isIP } from 'node:net'
import type { IPAM, IPAMConfig } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { mapFlag, stringsFlag } from '../../flag/kinds.ts'

type IpamFlags = ReturnType<typeof ipamFlags>

/** Flags of `network create` about addresses. */
export function ipamFlags(flags: FlagSet) {
  return {
    auxAddress: mapFlag(flags, 'aux-address', 'Address that the driver uses itself'),
    gateway: stringsFlag(flags, 'gateway', 'Gateway of a subnet'),
    ipRange: stringsFlag(flags, 'ip-range', 'Range of a subnet that containers get addresses of'),
    driver: flags.string('ipam-driver', '', 'default', 'Driver of the address management'),
    options: mapFlag(flags, 'ipam-opt', 'Set an option of the address management'),
    subnet: stringsFlag(flags, 'subnet', 'Subnet of the network (CIDR)'),
  }
}

/** Ranges, gateways and addresses are put to the subnets they lie in. */
export function ipamConfig(flags: IpamFlags): IPAM {
  const { subnet, ipRange, gateway, auxAddress } = flags
  const subnets = subnet.value
  if (subnets.length < ipRange.value.length || subnets.length < gateway.value.length) {
    throw new Error('every ip-range or gateway must have a corresponding subnet')
  }
  const configs = new Map<string, IPAMConfig>()
  for (const one of subnets) {
    for (const other of configs.keys()) {
      if (matches(one, other) || matches(other, one)) {
        throw new Error('multiple overlapping subnet configuration is not supported')
      }
    }
    configs.set(one, { Subnet: one })
  }
  const within = (address: string, what: string): IPAMConfig[] => {
    const found = subnets.filter((one) => matches(one, address))
    if (found.length === 0) throw new Error(`no matching subnet for ${what} ${address}`)
    return found.map((one) => configs.get(one) as IPAMConfig)
  }
  for (const range of ipRange.value) {
    parseCidr(range)
    for (const config of within(range, 'range')) setRange(config, range)
  }
  for (const address of gateway.value) {
    for (const config of within(address, 'gateway')) setGateway(config, address)
  }
  for (const [name, address] of Object.entries(auxAddress.value)) {
    for (const config of within(address, 'aux-address')) {
      ;(config.AuxiliaryAddresses ??= {})[name] = address
    }
  }
  return { Driver: flags.driver.value, Options: flags.options.value, Config: [...configs.values()] }
}

function setRange(config: IPAMConfig, range: string): void {
  if (config.IPRange) {
    throw new Error(
      `cannot configure multiple ranges (${range}, ${config.IPRange}) on the same subnet (${config.Subnet})`,
    )
  }
  config.IPRange = range
}

function setGateway(config: IPAMConfig, gateway: string): void {
  if (config.Gateway) {
    throw new Error(
      `cannot configure multiple gateways (${gateway}, ${config.Gateway}) for the same subnet (${config.Subnet})`,
    )
  }
  config.Gateway = gateway
}

interface Cidr {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

function parseCidr(text: string): Cidr {
  const [address = '', prefix = ''] = text.split('/')
  const version = isIP(address)
  const widest = version === 4 ? 32 : 128
  if (version === 0 || !/^[0-9]{1,3}$/.test(prefix) || Number(prefix) > widest) {
    throw new Error(`invalid CIDR address: ${text}`)
  }
  return { address, prefix: Number(prefix), family: version === 4 ? 'ipv4' : 'ipv6' }
}

/** Whether the address, or the first one of a subnet, lies in `subnet`. */
function matches(subnet: string, data: string): boolean {
  let net: Cidr
  try {
    net = parseCidr(subnet)
  } catch (error) {
    throw new Error(`invalid subnet: ${(error as Error).message}`)
  }
  const address = data.includes('/') ? parseCidr(data).address : data
  const version = isIP(address)
  if (version === 0) return false
  const list = new BlockList()
  list.addSubnet(net.address, net.prefix, net.family)
  return list.check(address, version === 4 ? 'ipv4' : 'ipv6')
}
