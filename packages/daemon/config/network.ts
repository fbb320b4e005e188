import { isIP } from 'node:net'
import type { NetworkOptions } from '@tdocker/engine/config.ts'
import { ConfigError } from './flags.ts'

/** What the network options are read through. */
interface Source {
  value<T>(name: string): T | undefined
  list(name: string): string[]
}

/** Options of networks, those that were given; the engine knows the defaults. */
export function networkOptions(of: Source): NetworkOptions {
  const given = <T>(name: string): T | undefined => of.value<T>(name)
  const hostGateways = hostGatewaysOf(of)
  return withoutUndefined<NetworkOptions>({
    ipv6: given<boolean>('ipv6'),
    bip6: cidr(of, 'bip6'),
    fixedCidr: cidr(of, 'fixed-cidr'),
    fixedCidr6: cidr(of, 'fixed-cidr-v6'),
    defaultGateway: address(given('default-gateway'), 'default-gateway'),
    defaultGateway6: address(given('default-gateway-v6'), 'default-gateway-v6'),
    hostAddress: address(given('ip'), 'ip'),
    interContainer: given<boolean>('icc'),
    masquerade: given<boolean>('ip-masq'),
    userlandProxy: given<boolean>('userland-proxy'),
    ipForward: given<boolean>('ip-forward'),
    ipForwardGuard: given<boolean>('ip-forward-no-drop') === true ? false : undefined,
    hostGateways: hostGateways.length > 0 ? hostGateways : undefined,
    pools: poolsOf(given('default-address-pools')),
    defaultOptions: defaultOptionsOf(given('default-network-opts')),
  })
}

function hostGatewaysOf(of: Source): string[] {
  const single = of.value<string>('host-gateway-ip')
  const all = [...of.list('host-gateway-ips'), ...(single ? [single] : [])]
  return all.map((text) => address(text, 'host-gateway-ip') ?? '').filter((text) => text !== '')
}

function cidr(of: Source, name: string): string | undefined {
  const text = of.value<string>(name)
  if (!text) return undefined
  const [first = '', length = ''] = text.split('/')
  const most = { 4: 32, 6: 128 }[isIP(first)]
  if (most === undefined || !/^\d{1,3}$/.test(length) || Number(length) > most)
    throw new ConfigError(`parse ${name} failed: invalid CIDR address: ${text}`)
  return text
}

function address(text: string | undefined, name: string): string | undefined {
  if (!text) return undefined
  if (isIP(text) === 0) throw new ConfigError(`${name}: ${text} is not an ip address`)
  return text
}

function poolsOf(value: unknown): NetworkOptions['pools'] {
  if (!Array.isArray(value) || value.length === 0) return undefined
  return value.map((pool: Record<string, unknown>) => {
    const [base, size] = [pool['base'] ?? pool['Base'], Number(pool['size'] ?? pool['Size'])]
    const [first = '', length = ''] = String(base).split('/')
    const most = { 4: 30, 6: 126 }[isIP(first)]
    if (most === undefined || !/^\d{1,3}$/.test(length))
      throw new ConfigError(`invalid base pool ${JSON.stringify(base)}: invalid CIDR address`)
    if (!Number.isInteger(size) || size < Number(length) || size > most)
      throw new ConfigError(
        `default-address-pools: ${base} cannot be cut into networks of size ${size}`,
      )
    return { base: String(base), size }
  })
}

/** `{"bridge":{"com.docker.network.driver.mtu":"1400"}}` */
function defaultOptionsOf(value: unknown): NetworkOptions['defaultOptions'] {
  if (typeof value !== 'object' || value === null) return undefined
  return value as NetworkOptions['defaultOptions']
}

function withoutUndefined<T extends object>(values: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T
}
