import { isIPv6 } from 'node:net'
import { goInteger } from '../../base/size.ts'

const DEFAULT_PORT = 514

export type SyslogAddress =
  /** /dev/log or one of its other usual places. */
  | { kind: 'system' }
  | { kind: 'unix' | 'unixgram'; path: string }
  | { kind: 'udp' | 'tcp' | 'tcp+tls'; host: string; port: number }

export type SyslogFormat = 'unix' | 'rfc3164' | 'rfc5424' | 'rfc5424micro'

/**
 * `syslog-address`. `exists` throws when a socket's path is not there: moby looks at create.
 * Throws a plain Error in moby's words.
 */
export function parseSyslogAddress(
  text: string,
  o: { exists(path: string): void } = { exists: () => {} },
): SyslogAddress {
  if (text === '') return { kind: 'system' }
  const match = /^([a-z][a-z\d+.-]*):(?:\/\/([^/?#]*))?([^?#]*)/i.exec(text)
  const scheme = match?.[1]?.toLowerCase() ?? ''
  if (scheme === 'unix' || scheme === 'unixgram') {
    const path = match?.[3] ?? ''
    o.exists(path)
    return { kind: scheme, path }
  }
  if (scheme !== 'udp' && scheme !== 'tcp' && scheme !== 'tcp+tls')
    throw new Error(`unsupported scheme: '${scheme}'`)
  return { kind: scheme, ...splitHostPort(match?.[2] ?? '') }
}

function splitHostPort(text: string): { host: string; port: number } {
  const address = text.slice(text.lastIndexOf('@') + 1)
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(address)
  if (!match) {
    if (isIPv6(address)) throw new Error(`address ${address}: too many colons in address`)
    throw new Error(
      `parse ${JSON.stringify(text)}: invalid port ${JSON.stringify(`:${address.split(':').slice(1).join(':')}`)} after host`,
    )
  }
  const port = match[3] === undefined || match[3] === '' ? DEFAULT_PORT : Number(match[3])
  return { host: match[1] ?? match[2] ?? '', port }
}

/** Numbers of syslog(3)'s facilities, before they are shifted. */
const FACILITIES: readonly string[] = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron'],
  ...['authpriv', 'ftp', '', '', '', ''],
  ...['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
]

/** The facility's number, 0 to 23; daemon by default. */
export function parseFacility(text: string): number {
  if (text === '') return FACILITIES.indexOf('daemon')
  const named = FACILITIES.indexOf(text)
  if (named >= 0) return named
  try {
    const number = goInteger(text)
    if (number >= 0 && number <= 23) return number
  } catch {
    // The same sentence.
  }
  throw new Error('invalid syslog facility')
}

export function parseFormat(text: string): SyslogFormat {
  if (text === '') return 'unix'
  if (text === 'rfc3164' || text === 'rfc5424' || text === 'rfc5424micro') return text
  throw new Error('Invalid syslog format')
}
