/** HEALTHCHECK. */
import { parseFlags } from '../flags.ts'
import { quote } from '../go-text.ts'
import { parseDuration, parseInt32 } from '../go-values.ts'
import type { Healthcheck } from '../instruction.ts'
import type { Node } from '../node.ts'
import { atLeastOneArgument } from './messages.ts'

const FLAGS = {
  interval: 'string',
  timeout: 'string',
  'start-period': 'string',
  'start-interval': 'string',
  retries: 'string',
} as const
const MILLISECOND = 1_000_000

export function parseHealthcheck(node: Node): { kind: 'healthcheck'; health: Healthcheck } {
  const [first, ...args] = node.args
  if (first === undefined) throw atLeastOneArgument('HEALTHCHECK')
  const type = first.toUpperCase()
  if (type === 'NONE') {
    if (args.length > 0) throw new Error('HEALTHCHECK NONE takes no arguments')
    return { kind: 'healthcheck', health: { ...unset, test: [type] } }
  }
  const flags = parseFlags(node.flags, FLAGS)
  const health = {
    test: testOf(type, args, node.json),
    interval: interval('interval', flags.interval),
    timeout: interval('timeout', flags.timeout),
    startPeriod: interval('start-period', flags['start-period']),
    startInterval: interval('start-interval', flags['start-interval']),
    retries: retries(flags.retries),
  }
  return { kind: 'healthcheck', health }
}

const unset: Healthcheck = {
  test: [],
  interval: 0,
  timeout: 0,
  startPeriod: 0,
  startInterval: 0,
  retries: 0,
}

function testOf(type: string, args: string[], json: boolean): string[] {
  if (type !== 'CMD') throw new Error(`Unknown type ${quote(type)} in HEALTHCHECK (try CMD)`)
  if (args.length === 0) throw new Error('Missing command after HEALTHCHECK CMD')
  return [json ? 'CMD' : 'CMD-SHELL', ...args]
}

function interval(name: string, text: string | undefined): number {
  if (!text) return 0
  const value = parseDuration(text)
  if (value !== 0 && value < MILLISECOND) {
    throw new Error(`Interval ${quote(name)} cannot be less than 1ms`)
  }
  return value
}

function retries(text: string | undefined): number {
  if (!text) return 0
  const value = parseInt32(text)
  if (value < 0) throw new Error(`--retries cannot be negative (${value})`)
  return value
}
