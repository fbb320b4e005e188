import type { PortMap } from '@tdocker/api'
import { invalidParameter } from '../base/errors.ts'
import { formatAddress, parseAddress } from './address.ts'

export type Protocol = 'tcp' | 'udp' | 'sctp'

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp']

export interface ContainerPort {
  port: number
  protocol: Protocol
}

/** One wish: a container port on a host address, at a port or in a range of the host. */
export interface PortRequest extends ContainerPort {
  /** Empty: the usual one of the network or the daemon. */
  hostAddress: string
  /** 0 and 0: any ephemeral port. */
  first: number
  last: number
}

export interface PortWishes {
  exposed: readonly string[]
  portBindings: PortMap
  publishAll: boolean
}

/** `80/tcp`, `80` → port and protocol. Throws invalidParameter with moby's sentence. */
export function parseContainerPort(text: string): ContainerPort {
  const [portText = '', protocolText = 'tcp', ...rest] = text.split('/')
  const protocol = PROTOCOLS.find((known) => known === protocolText.toLowerCase())
  const port = parsePort(portText)
  if (port === undefined || port === 0 || protocol === undefined || rest.length > 0) {
    throw invalidParameter(`invalid port specification: "${text}"`)
  }
  return { port, protocol }
}

export function formatContainerPort(port: ContainerPort): string {
  return `${port.port}/${port.protocol}`
}

/**
 * Every port to publish, in the order in which Docker serves them: fixed host ports before ranges,
 * then by container port, protocol and host port, so that a range does not eat a fixed port.
 */
export function portRequests(wishes: PortWishes): PortRequest[] {
  const requests: PortRequest[] = []
  for (const [key, bindings] of Object.entries(wishes.portBindings)) {
    const port = parseContainerPort(key)
    for (const binding of bindings ?? []) {
      const [first, last] = parseHostPorts(binding.HostPort ?? '')
      requests.push({ ...port, hostAddress: parseHostAddress(binding.HostIp ?? ''), first, last })
    }
  }
  if (wishes.publishAll) requests.push(...unboundRequests(wishes))
  return requests.sort(inDockersOrder)
}

/** Keys of `NetworkSettings.Ports`: what is exposed or bound, each once, as `80/tcp`. */
export function exposedPorts(wishes: PortWishes): string[] {
  const keys = [...wishes.exposed, ...Object.keys(wishes.portBindings)]
  return [...new Set(keys.map((key) => formatContainerPort(parseContainerPort(key))))]
}

function unboundRequests(wishes: PortWishes): PortRequest[] {
  const bound = new Set(
    Object.entries(wishes.portBindings)
      .filter(([, bindings]) => (bindings ?? []).length > 0)
      .map(([key]) => formatContainerPort(parseContainerPort(key))),
  )
  return exposedPorts(wishes)
    .filter((key) => !bound.has(key))
    .map((key) => ({ ...parseContainerPort(key), hostAddress: '', first: 0, last: 0 }))
}

/** `` → ephemeral, `8080`, `8000-8010`. */
function parseHostPorts(text: string): [number, number] {
  if (text === '') return [0, 0]
  const [firstText = '', lastText = firstText, ...rest] = text.split('-')
  const first = parsePort(firstText)
  const last = parsePort(lastText)
  if (first === undefined || last === undefined || last < first || rest.length > 0) {
    throw invalidParameter(`invalid port specification: "${text}"`)
  }
  if (first === 0 && last !== 0) {
    throw invalidParameter(`invalid port specification: "${text}"`)
  }
  return [first, last]
}

function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined
  const port = Number(text)
  return port <= 65535 ? port : undefined
}

function parseHostAddress(text: string): string {
  const literal = text.replace(/^\[(.*)\]$/, '$1')
  if (literal === '') return ''
  const address = parseAddress(literal)
  if (address === undefined) throw invalidParameter(`invalid host IP address: ${text}`)
  return formatAddress(address)
}

function inDockersOrder(a: PortRequest, b: PortRequest): number {
  return (
    Number(isRange(a)) - Number(isRange(b)) ||
    a.port - b.port ||
    PROTOCOLS.indexOf(a.protocol) - PROTOCOLS.indexOf(b.protocol) ||
    a.first - b.first ||
    a.last - b.last ||
    a.hostAddress.localeCompare(b.hostAddress)
  )
}

function isRange(request: PortRequest): boolean {
  return request.first === 0 || request.first !== request.last
}
