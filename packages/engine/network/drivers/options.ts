import { isIP } from 'node:net'
import { invalidParameter } from '../../base/errors.ts'
import type { GatewayMode } from '../network-chains.ts'

export const OPTION = {
  name: 'com.docker.network.bridge.name',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  mode4: 'com.docker.network.bridge.gateway_mode_ipv4',
  mode6: 'com.docker.network.bridge.gateway_mode_ipv6',
  interContainer: 'com.docker.network.bridge.enable_icc',
  inhibitIPv4: 'com.docker.network.bridge.inhibit_ipv4',
  hostBinding: 'com.docker.network.bridge.host_binding_ipv4',
  defaultBridge: 'com.docker.network.bridge.default_bridge',
  trusted: 'com.docker.network.bridge.trusted_host_interfaces',
  mtu: 'com.docker.network.driver.mtu',
  interfacePrefix: 'com.docker.network.container_iface_prefix',
  hostIPv4: 'com.docker.network.host_ipv4',
  hostIPv6: 'com.docker.network.host_ipv6',
  enableIPv4: 'com.docker.network.enable_ipv4',
  enableIPv6: 'com.docker.network.enable_ipv6',
} as const

export interface BridgeSettings {
  /** undefined: one is made up from the network's id. */
  device: string | undefined
  masquerade: boolean
  interContainer: boolean
  mode4: GatewayMode
  mode6: GatewayMode
  /** The bridge has no IPv4 address: the gateway is somebody else's. */
  inhibitIPv4: boolean
  /** 0: what is usual on the host. */
  mtu: number
  hostBinding: string | undefined
  trusted: string[]
  interfacePrefix: string
  source4: string | undefined
  source6: string | undefined
}

const GATEWAY_MODES: ReadonlySet<string> = new Set(['nat', 'nat-unprotected', 'routed', 'isolated'])

/** Throws invalidParameter with moby's sentences (drivers/bridge). */
export function bridgeSettings(options: Readonly<Record<string, string>>): BridgeSettings {
  const mtu = integer(options, OPTION.mtu)
  if (mtu < 0) throw invalidParameter(`invalid MTU number: ${mtu}`)
  bool(options, OPTION.defaultBridge, false)
  bool(options, OPTION.enableIPv4, true)
  bool(options, OPTION.enableIPv6, false)
  return {
    device: options[OPTION.name] || undefined,
    masquerade: bool(options, OPTION.masquerade, true),
    interContainer: bool(options, OPTION.interContainer, true),
    mode4: gatewayMode(options, OPTION.mode4),
    mode6: gatewayMode(options, OPTION.mode6),
    inhibitIPv4: bool(options, OPTION.inhibitIPv4, false),
    mtu,
    hostBinding: address(options, OPTION.hostBinding),
    trusted: (options[OPTION.trusted] ?? '').split(':').filter((name) => name !== ''),
    interfacePrefix: options[OPTION.interfacePrefix] || 'eth',
    source4: address(options, OPTION.hostIPv4),
    source6: address(options, OPTION.hostIPv6),
  }
}

/** strconv.ParseBool. */
export function parseBool(text: string): boolean | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true
  return /^(?:0|f|F|FALSE|false|False)$/.test(text) ? false : undefined
}

function bool(options: Readonly<Record<string, string>>, key: string, usual: boolean): boolean {
  const text = options[key]
  if (text === undefined) return usual
  const value = parseBool(text)
  if (value !== undefined) return value
  throw refused(key, text, `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
}

function integer(options: Readonly<Record<string, string>>, key: string): number {
  const text = options[key]
  if (text === undefined) return 0
  if (/^[+-]?\d{1,9}$/.test(text)) return Number(text)
  throw refused(key, text, `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
}

function address(options: Readonly<Record<string, string>>, key: string): string | undefined {
  const text = options[key]
  if (text === undefined) return undefined
  if (isIP(text) === 0) throw refused(key, text, 'nil ip')
  return text
}

function gatewayMode(options: Readonly<Record<string, string>>, key: string): GatewayMode {
  const text = options[key]
  if (text === undefined) return 'nat'
  if (!GATEWAY_MODES.has(text)) throw refused(key, text, `unknown gateway mode ${text}`)
  return text as GatewayMode
}

function refused(key: string, value: string, why: string): Error {
  return invalidParameter(`failed to parse ${key} value: ${value} (${why})`)
}
