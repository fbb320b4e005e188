/** RUN. */
import { parseCsv } from '../csv.ts'
import { parseFlags } from '../flags.ts'
import { cut, quote } from '../go-text.ts'
import { parseBool } from '../go-values.ts'
import type { Instruction, RunDevice } from '../instruction.ts'
import type { Node } from '../node.ts'
import { checkRunMount } from '../run-mount.ts'
import { didYouMean } from '../suggest.ts'
import { commandLine } from './command.ts'

type Run = Omit<Extract<Instruction, { kind: 'run' }>, 'lines' | 'source' | 'name' | 'check'>

const FLAGS = {
  device: 'strings',
  mount: 'strings',
  network: 'string',
  security: 'string',
} as const

export function parseRun(node: Node): Run {
  const flags = parseFlags(node.flags, FLAGS)
  const devices = (flags.device ?? []).map(parseDevice)
  const mounts = flags.mount ?? []
  for (const mount of mounts) checkRunMount(mount)
  const network = flags.network ?? 'default'
  if (network !== 'default' && network !== 'none' && network !== 'host') {
    throw new Error(`invalid network mode ${quote(network)}`)
  }
  const security = flags.security ?? 'sandbox'
  if (security !== 'sandbox' && security !== 'insecure') {
    throw new Error(`security ${quote(security)} is not valid`)
  }
  return { kind: 'run', command: commandLine(node), mounts, network, security, devices }
}

function parseDevice(text: string): RunDevice {
  const device = { name: '', required: false }
  for (const field of parseCsv(text, 'devices')) {
    const { before, after: value } = cut(field, '=')
    const key = before.toLowerCase()
    if (key === 'required') {
      device.required = value === undefined || parseBool(value, key)
    } else if (key === 'name' && value !== undefined) {
      if (device.name !== '') throw new Error(`device name already set to ${device.name}`)
      device.name = value
    } else if (device.name === '') {
      device.name = field
    } else if (value === undefined) {
      throw new Error(`invalid field '${field}' must be a key=value pair`)
    } else {
      const suggestion = didYouMean(key, ['name', 'required'])
      throw new Error(`unexpected key '${key}' in '${field}'${suggestion}`)
    }
  }
  return device
}
