import type { ContainerConfig } from '@tdocker/api'
import type { Container } from '../container.ts'
import type { LiveLink } from './hosts.ts'

/** Docker made these variables for every link until its version 29; this brings them back. */
const SWITCH = 'DOCKER_KEEP_DEPRECATED_LEGACY_LINKS_ENV_VARS'

/** The config with the variables of its links, which its own variables override. */
export function withLinkVariables(c: Container, links: readonly LiveLink[]): ContainerConfig {
  if (process.env[SWITCH] !== '1' || links.length === 0) return c.config
  const variables = links.flatMap((link) => linkVariables(c.name, link))
  return { ...c.config, Env: [...variables, ...(c.config.Env ?? [])] }
}

interface Port {
  number: number
  protocol: string
}

/** `ALIAS_PORT_80_TCP_ADDR=…` and the like, as moby's daemon/links makes them. */
export function linkVariables(parent: string, { child, alias, address }: LiveLink): string[] {
  const prefix = alias.toUpperCase().replaceAll('-', '_')
  const ports = Object.keys(child.config.ExposedPorts ?? {})
    .map(parsePort)
    .toSorted(compare)
  const [first] = ports
  return [
    ...(first ? [`${prefix}_PORT=${url(first, address)}`] : []),
    ...portVariables(prefix, ports, address),
    `${prefix}_NAME=/${parent}/${alias}`,
    ...environmentOf(prefix, child.config.Env ?? []),
  ]
}

function parsePort(text: string): Port {
  const [number = '', protocol = 'tcp'] = text.split('/')
  return { number: Number(number), protocol }
}

/** TCP first, then by protocol, each by number. */
function compare(a: Port, b: Port): number {
  if (a.protocol === b.protocol) return a.number - b.number
  if (a.protocol === 'tcp') return -1
  if (b.protocol === 'tcp') return 1
  return a.protocol < b.protocol ? -1 : 1
}

const url = (port: Port, address: string): string => `${port.protocol}://${address}:${port.number}`

function portVariables(prefix: string, ports: readonly Port[], address: string): string[] {
  const variables: string[] = []
  const key = (port: Port): string => `${prefix}_PORT_${port.number}_${port.protocol.toUpperCase()}`
  let start = ports[0]
  let end = start
  for (const [at, port] of ports.entries()) {
    variables.push(
      `${key(port)}=${url(port, address)}`,
      `${key(port)}_ADDR=${address}`,
      `${key(port)}_PORT=${port.number}`,
      `${key(port)}_PROTO=${port.protocol}`,
    )
    if (end && port.number === end.number + 1 && port.protocol === end.protocol) {
      end = port
      if (at < ports.length - 1) continue
    }
    if (start && end && end !== start)
      variables.push(
        `${key(start)}_START=${url(start, address)}`,
        `${key(start)}_PORT_START=${start.number}`,
        `${key(start)}_END=${url(end, address)}`,
        `${key(start)}_PORT_END=${end.number}`,
      )
    start = port
    end = port
  }
  return variables
}

/** Those that every image has say nothing about the other container. */
function environmentOf(prefix: string, env: readonly string[]): string[] {
  return env.flatMap((entry) => {
    const equals = entry.indexOf('=')
    const name = entry.slice(0, Math.max(0, equals))
    if (equals < 0 || name === 'HOME' || name === 'PATH') return []
    return [`${prefix}_ENV_${entry}`]
  })
}
