/** The words of EXPOSE, variables expanded: `80`, `8000-8002/udp`; a host's part is ignored. */
import { isIP } from 'node:net'
import type { Report } from './checks/report.ts'
import { quote } from './go-text.ts'
import type { Lines } from './instruction.ts'

const PROTOCOLS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp'])
const MAX_PORT = 65_535

/** `80/tcp` and so on, in order. Throws BuildKit's words. */
export function parseExposedPorts(
  words: readonly string[],
  lines: Lines,
  report: Report,
): string[] {
  return words.flatMap((word) => parseWord(word, lines, report))
}

function parseWord(word: string, lines: Lines, report: Report): string[] {
  const parts = word.split(':')
  const container = parts.pop()!
  const hostPort = parts.pop() ?? ''
  const ip = parts.join(':')
  const { port, protocol } = portAndProtocol(container, word)
  if (protocol !== protocol.toLowerCase()) report('ExposeProtoCasing', lines, word)
  if (ip !== '' || hostPort !== '') report('ExposeInvalidFormat', lines, word)
  checkAddress(ip)
  const range = portRange(port)
  if (!range) throw new Error(`invalid containerPort: ${port}`)
  if (hostPort !== '') checkHostPort(hostPort, port, range)
  const count = range.end - range.start + 1
  return Array.from({ length: count }, (_, n) => `${range.start + n}/${protocol.toLowerCase()}`)
}

function portAndProtocol(text: string, word: string): { port: string; protocol: string } {
  const slash = text.indexOf('/')
  const port = slash < 0 ? text : text.slice(0, slash)
  const protocol = slash < 0 ? '' : text.slice(slash + 1)
  if (port === '') throw new Error(`invalid port: ${quote(word)}: no port specified`)
  if (protocol === '') return { port, protocol: 'tcp' }
  if (PROTOCOLS.has(protocol.toLowerCase())) return { port, protocol }
  throw new Error(`invalid port: ${quote(word)}: invalid proto: ${protocol}`)
}

function checkAddress(ip: string): void {
  const bare = /^\[(.*)\]$/.exec(ip)?.[1] ?? ip
  if (ip !== '' && isIP(bare) === 0) throw new Error(`invalid IP address: ${bare}`)
}

interface Range {
  start: number
  end: number
}

function checkHostPort(hostPort: string, port: string, range: Range): void {
  const host = portRange(hostPort)
  if (!host) throw new Error(`invalid hostPort: ${hostPort}`)
  if (range.end !== range.start && range.end - range.start !== host.end - host.start) {
    throw new Error(
      `invalid ranges specified for container and host Ports: ${port} and ${hostPort}`,
    )
  }
}

function portRange(text: string): Range | undefined {
  const dash = text.indexOf('-')
  const start = portNumber(dash < 0 ? text : text.slice(0, dash))
  const end = dash < 0 ? start : portNumber(text.slice(dash + 1))
  if (start === undefined || end === undefined || end < start) return undefined
  return { start, end }
}

function portNumber(text: string): number | undefined {
  if (!/^\+?[0-9]+$/.test(text)) return undefined
  const port = Number(text)
  return port <= MAX_PORT ? port : undefined
}
