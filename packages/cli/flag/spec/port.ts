import { isIP } from 'node:net'
import type { PortBinding, PortMap } from '@tdocker/api'

const protocols = new Set(['tcp', 'udp', 'sctp'])

/** `--publish` values as the maps of the create request. */
export function parsePublished(specs: readonly string[]): PortMap {
  const bindings: PortMap = {}
  for (const spec of specs.map(shortForm)) {
    for (const [port, binding] of parsePortSpec(spec)) (bindings[port] ??= []).push(binding)
  }
  return bindings
}

/** `published=8080,target=80,protocol=udp` → `8080:80/udp`. */
function shortForm(spec: string): string {
  if (!spec.includes('=')) return spec
  const params = new Map([['protocol', 'tcp']])
  for (const param of spec.split(',')) {
    const equals = param.indexOf('=')
    if (equals <= 0) {
      throw new Error(`invalid publish opts format (should be name=value but got '${param}')`)
    }
    params.set(param.slice(0, equals), param.slice(equals + 1))
  }
  return `${params.get('published') ?? ''}:${params.get('target') ?? ''}/${params.get('protocol')}`
}

/** `[[ip:][hostPort]:]containerPort[/proto]`, ports may be ranges of equal length. */
export function parsePortSpec(spec: string): Array<[port: string, binding: PortBinding]> {
  const [rawIp, hostPort, rawTarget] = splitSpec(spec)
  const [target, protocol] = splitProtocol(rawTarget)
  if (target === '') throw new Error(`no port specified: ${spec}<empty>`)
  if (!protocols.has(protocol)) throw new Error(`invalid proto: ${protocol}`)
  const ip = bareAddress(rawIp)
  const inside = rangeOr(target, `invalid containerPort: ${target}`)
  const outside = hostPort === '' ? undefined : rangeOr(hostPort, `invalid hostPort: ${hostPort}`)
  const count = inside.end - inside.start + 1
  if (outside && outside.end - outside.start + 1 !== count && count !== 1) {
    throw new Error(
      `invalid ranges specified for container and host Ports: ${target} and ${hostPort}`,
    )
  }
  return Array.from({ length: count }, (_, i) => [
    `${inside.start + i}/${protocol}`,
    { HostIp: ip, HostPort: hostPortText(outside, i, count) },
  ])
}

function hostPortText(range: Range | undefined, index: number, count: number): string {
  if (!range) return ''
  // One container port and a host range: the daemon picks a free one of the range.
  if (count === 1 && range.start !== range.end) return `${range.start}-${range.end}`
  return String(range.start + index)
}

function splitSpec(spec: string): [ip: string, host: string, target: string] {
  const parts = spec.split(':')
  const target = parts.pop() ?? ''
  const host = parts.pop() ?? ''
  return [parts.join(':'), host, target]
}

function splitProtocol(target: string): [port: string, protocol: string] {
  const slash = target.indexOf('/')
  if (slash < 0) return [target, 'tcp']
  return [target.slice(0, slash), target.slice(slash + 1).toLowerCase() || 'tcp']
}

function bareAddress(text: string): string {
  const ip = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  if (ip !== '' && isIP(ip) === 0) throw new Error(`invalid IP address: ${text}`)
  return ip
}

interface Range {
  start: number
  end: number
}

function rangeOr(text: string, message: string): Range {
  try {
    return parsePortRange(text)
  } catch {
    throw new Error(message)
  }
}

/** `80` or `8000-8010`; ports are 0–65535. */
export function parsePortRange(text: string): Range {
  if (text === '') throw new Error('empty string specified for ports')
  const dash = text.indexOf('-')
  const start = portNumber(dash < 0 ? text : text.slice(0, dash), 'start')
  if (dash < 0) return { start, end: start }
  const end = portNumber(text.slice(dash + 1), 'end')
  if (end < start) throw new Error(`invalid port range: ${text}`)
  return { start, end }
}

function portNumber(text: string, which: 'start' | 'end'): number {
  const fail = (reason: string): Error => new Error(`invalid ${which} port '${text}': ${reason}`)
  if (text === '') throw fail('value is empty')
  if (!/^[+-]?[0-9]+$/.test(text)) throw fail('invalid syntax')
  const port = Number(text)
  if (port < 0 || port > 65535) throw fail('value out of range (0–65535)')
  return port
}

/** The reason in the words of Go's strconv, as docker gives it here. */
function exposeReason(text: string, { message }: Error): string {
  const wrong = text.split('-').find((part) => !/^[0-9]+$/.test(part) || Number(part) > 65535)
  if (wrong === undefined) return message
  const reason = /^[0-9]+$/.test(wrong) ? 'value out of range' : 'invalid syntax'
  return `strconv.ParseUint: parsing "${wrong}": ${reason}`
}

/** `--expose 80`, `--expose 7000-7009/udp` → the names of the ports. */
export function parseExposed(spec: string): string[] {
  const fail = (reason: string): Error =>
    new Error(`invalid range format for --expose: ${spec}, error: ${reason}`)
  if (spec.includes(':')) throw new Error(`invalid port format for --expose: ${spec}`)
  const [text, protocol] = splitProtocol(spec)
  let range: Range
  try {
    range = parsePortRange(text)
  } catch (error) {
    throw fail(exposeReason(text, error as Error))
  }
  if (!protocols.has(protocol)) throw new Error(`invalid proto: ${protocol}`)
  const ports: string[] = []
  for (let port = range.start; port <= range.end; port++) ports.push(`${port}/${protocol}`)
  return ports
}
