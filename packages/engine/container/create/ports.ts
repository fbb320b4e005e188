import { invalidParameter } from '../../base/errors.ts'

const KEY = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i
const RANGE = /^(\d{1,5})(?:-(\d{1,5}))?$/

/** `80/tcp`, `53/udp`, `80`. Throws `invalid port specification: "x"`. */
export function checkPortKey(key: string): void {
  const match = KEY.exec(key)
  if (!match || !isPort(match[1]!, 1)) throw invalidPort(key)
}

/** A host port or range; empty for any free one. */
export function checkHostPort(text: string): void {
  if (text === '') return
  const match = RANGE.exec(text)
  if (!match || !isPort(match[1]!, 0)) throw invalidPort(text)
  const end = match[2]
  if (end !== undefined && (!isPort(end, 0) || Number(end) < Number(match[1])))
    throw invalidPort(text)
}

function isPort(digits: string, least: number): boolean {
  const number = Number(digits)
  return number >= least && number <= 65_535
}

function invalidPort(text: string): Error {
  return invalidParameter(`invalid port specification: ${JSON.stringify(text)}`)
}

/** `80` → `80/tcp`; keys of exposed ports and bindings are kept so. */
export function portKey(key: string): string {
  return key.includes('/') ? key.toLowerCase() : `${key}/tcp`
}
