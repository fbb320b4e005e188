import type { HostConfig, RestartPolicy } from '@tdocker/api'
import { parseDecimal, quote } from '../scalar.ts'

type Ulimit = NonNullable<HostConfig['Ulimits']>[number]

const ulimitNames = new Set(
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  ),
)

/** `--ulimit nofile=1024:2048`; -1 is unlimited, hard defaults to soft. */
export function parseUlimit(text: string): Ulimit {
  const equals = text.indexOf('=')
  if (equals < 0) throw new Error(`invalid ulimit argument: ${text}`)
  const name = text.slice(0, equals)
  if (!ulimitNames.has(name)) throw new Error(`invalid ulimit type: ${name}`)
  const limits = text.slice(equals + 1).split(':')
  if (limits.length > 2) {
    throw new Error(
      `too many limit value arguments - ${text.slice(equals + 1)}, can only have up to two, \`soft[:hard]\``,
    )
  }
  const [soft = 0, hard = soft] = limits.map(limitNumber)
  checkOrder(soft, hard)
  return { Name: name, Soft: soft, Hard: hard }
}

function limitNumber(text: string): number {
  const value = parseDecimal(text)
  if (value === undefined)
    throw new Error(`strconv.ParseInt: parsing ${quote(text)}: invalid syntax`)
  return value
}

function checkOrder(soft: number, hard: number): void {
  const rule = 'ulimit soft limit must be less than or equal to hard limit'
  if (hard === -1) return
  if (soft === -1) throw new Error(`${rule}: soft: -1 (unlimited), hard: ${hard}`)
  if (soft > hard) throw new Error(`${rule}: ${soft} > ${hard}`)
}

/** `--restart on-failure:3`; which names exist is the daemon's to say. */
export function parseRestartPolicy(text: string): RestartPolicy {
  if (text === '') return {}
  const colon = text.indexOf(':')
  const name = colon < 0 ? text : text.slice(0, colon)
  if (name === '') throw new Error('invalid restart policy format: no policy provided before colon')
  const count = colon < 0 ? '' : text.slice(colon + 1)
  const retries = count === '' ? 0 : parseDecimal(count)
  if (retries === undefined) {
    throw new Error('invalid restart policy format: maximum retry count must be an integer')
  }
  return { Name: name, MaximumRetryCount: retries }
}

const sysctls = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
])

/** Only sysctls that belong to a namespace may be set. */
export function checkSysctl(text: string): string {
  const equals = text.indexOf('=')
  const key = equals < 0 ? '' : text.slice(0, equals)
  if (sysctls.has(key) || key.startsWith('net.') || key.startsWith('fs.mqueue.')) return text
  throw new Error(`sysctl '${text}' is not allowed`)
}
