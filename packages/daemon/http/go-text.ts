/**
 * Strings of a body that Go reads with a parser of the value's own (`UnmarshalText`). A bad one
 * refuses the whole body, in that parser's words.
 */
import { isIPv6 } from 'node:net'
import { InvalidRequest } from '@tdocker/api/invalid.ts'

type Parser = (text: string) => string

/** By the name of the Go type; answers how Go would print the value. */
export const textParsers: ReadonlyMap<string, Parser> = new Map([
  ['netip.Addr', orEmpty(address)],
  ['netip.Prefix', orEmpty(prefix)],
  ['network.HardwareAddr', orEmpty(hardwareAddress)],
  ['network.Port', port],
])

function orEmpty(parse: Parser): Parser {
  return (text) => (text === '' ? '' : parse(text))
}

function refuse(sentence: string): never {
  throw new InvalidRequest(`invalid JSON: ${sentence}`)
}

/** netip.ParseAddr */
function address(text: string): string {
  const kind = /[.:%]/.exec(text)?.[0]
  const bad = (message: string, at = ''): never =>
    refuse(
      `ParseAddr(${JSON.stringify(text)}): ${message}${at === '' ? '' : ` (at ${JSON.stringify(at)})`}`,
    )
  if (kind === undefined) return bad('unable to parse IP')
  if (kind === '%') return bad('missing IPv6 address')
  if (kind === ':') return isIPv6(text) ? text.toLowerCase() : bad('unable to parse IP')
  return ipv4(text, bad)
}

function ipv4(text: string, bad: (message: string, at?: string) => never): string {
  const strange = /[^0-9.]/.exec(text)
  const fields = text.slice(0, strange?.index).split('.')
  let at = 0
  for (const [index, field] of fields.entries()) {
    const last = index === fields.length - 1
    if (index > 3) return bad('IPv4 address too long')
    if (field === '' && !(last && strange))
      return bad('IPv4 field must have at least one digit', text.slice(at))
    if (field.length > 1 && field.startsWith('0'))
      return bad('IPv4 field has octet with leading zero')
    if (Number(field) > 255) return bad('IPv4 field has value >255')
    at += field.length + 1
  }
  if (strange) return bad('unexpected character', text.slice(strange.index))
  return fields.length < 4 ? bad('IPv4 address too short') : text
}

/** netip.ParsePrefix */
function prefix(text: string): string {
  const bad = (message: string): never =>
    refuse(`netip.ParsePrefix(${JSON.stringify(text)}): ${message}`)
  const slash = text.lastIndexOf('/')
  if (slash < 0) return bad("no '/'")
  const first = text.slice(0, slash)
  const bits = text.slice(slash + 1)
  let parsed = ''
  try {
    parsed = address(first)
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error
    return bad(error.message.replace('invalid JSON: ', ''))
  }
  if (!/^(?:0|[1-9]\d*)$/.test(bits)) return bad(`bad bits after slash: ${JSON.stringify(bits)}`)
  if (Number(bits) > (parsed.includes(':') ? 128 : 32)) return bad('prefix length out of range')
  return `${parsed}/${bits}`
}

/** net.ParseMAC: colons, hyphens or dots; 6, 8 or 20 bytes. Also used for the container-wide one. */
export function macOf(text: string): string | undefined {
  const digits = /^([0-9a-f]{2}[:-]){5,}[0-9a-f]{2}$/i.test(text)
    ? text.split(/[:-]/)
    : /^([0-9a-f]{4}\.){2,}[0-9a-f]{4}$/i.test(text)
      ? text.split('.').flatMap((part) => [part.slice(0, 2), part.slice(2)])
      : []
  return [6, 8, 20].includes(digits.length) ? digits.join(':').toLowerCase() : undefined
}

function hardwareAddress(text: string): string {
  return macOf(text) ?? refuse(`address ${text}: invalid MAC address`)
}

/** network.ParsePort: `80`, `80/tcp`. The protocol is any word. */
function port(text: string): string {
  if (text === '') return ''
  const slash = text.indexOf('/')
  const number = slash < 0 ? text : text.slice(0, slash)
  const protocol = slash < 0 ? '' : text.slice(slash + 1)
  if (number === '') refuse(`invalid port '': value is empty`)
  if (!/^\d+$/.test(number)) refuse(`invalid port '${number}': invalid syntax`)
  if (Number(number) > 65_535) refuse(`invalid port '${number}': value out of range`)
  return `${Number(number)}/${protocol.toLowerCase() || 'tcp'}`
}
