import { isIP } from 'node:net'
import { parseCsvRecord } from '../csv.ts'
import { parseDecimal, quote } from '../scalar.ts'

/** One `--network`: a name alone, or `name=web,alias=a,ip=10.0.0.2,…`. */
export interface NetworkAttachment {
  target: string
  aliases: string[]
  links: string[]
  driverOpts: Record<string, string>
  ipv4?: string
  ipv6?: string
  linkLocalIPs: string[]
  macAddress?: string
  gwPriority?: number
}

export function attachmentTo(target: string): NetworkAttachment {
  return { target, aliases: [], links: [], driverOpts: {}, linkLocalIPs: [] }
}

/** Parses one value of `--network`; keys and values of the long form are folded to lower case. */
export function parseNetwork(text: string): NetworkAttachment {
  if (!/\w+=\w+(,\w+=\w+)*/.test(text)) return attachmentTo(text)
  const attachment = attachmentTo('')
  for (const field of parseCsvRecord(text)) {
    const [key, value] = cut(field.toLowerCase())
    if (value === undefined || key === '') throw new Error(`invalid field ${field}`)
    setField(attachment, key.trim(), value.trim())
  }
  if (attachment.target === '') throw new Error('network name/id is not specified')
  return attachment
}

function setField(to: NetworkAttachment, key: string, value: string): void {
  switch (key) {
    case 'name':
      to.target = value
      return
    case 'alias':
      to.aliases.push(value)
      return
    case 'ip':
      to.ipv4 = address(value)
      return
    case 'ip6':
      to.ipv6 = address(value)
      return
    case 'mac-address':
      to.macAddress = value
      return
    case 'link-local-ip':
      to.linkLocalIPs.push(address(value))
      return
    case 'driver-opt':
      return setDriverOpt(to, value)
    case 'gw-priority':
      to.gwPriority = priority(value)
      return
    default:
      throw new Error(`invalid field key ${key}`)
  }
}

function setDriverOpt(to: NetworkAttachment, text: string): void {
  const [key, value] = cut(text)
  if (value === undefined || key === '') {
    throw new Error('invalid key value pair format in driver options')
  }
  to.driverOpts[key.trim()] = value.trim()
}

function priority(text: string): number {
  const value = parseDecimal(text)
  if (value === undefined) throw new Error(`invalid gw-priority (${text}): invalid syntax`)
  return value
}

function address(text: string): string {
  if (isIP(text) === 0) throw new Error(`ParseAddr(${quote(text)}): unable to parse IP`)
  return text
}

function cut(text: string): [string, string | undefined] {
  const at = text.indexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

/** Modes that are not the name of a user's network. */
export function isUserDefined(mode: string): boolean {
  return !['default', 'bridge', 'host', 'none'].includes(mode) && !mode.startsWith('container:')
}
