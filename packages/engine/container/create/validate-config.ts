import { posix } from 'node:path'
import type { ContainerConfig } from '@tdocker/api'
import { invalidParameter } from '../../base/errors.ts'
import { parseSignal } from '../../base/signal-name.ts'

const MILLISECOND_NS = 1_000_000
const NUMBERS = ['Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries'] as const

/**
 * Checks and normalises what only concerns the container's description, in moby's order. Throws
 * invalidParameter.
 */
export function validateConfig(config: ContainerConfig): void {
  const { WorkingDir: cwd = '', StopSignal: signal = '', Env: env = [] } = config
  if (cwd !== '') {
    if (!cwd.startsWith('/'))
      throw invalidParameter(
        `the working directory '${cwd}' is invalid, it needs to be an absolute path`,
      )
    config.WorkingDir = cleanPath(cwd)
  }
  if (signal !== '') parseSignal(signal)
  for (const variable of env)
    if (variable === '' || variable.startsWith('='))
      throw invalidParameter(`invalid environment variable: ${variable}`)
  validateHealthcheck(config.Healthcheck)
  refuseNul(config)
}

/** Go's path.Clean: no trailing slash, no `.` and `..`. */
export function cleanPath(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

function validateHealthcheck(health: ContainerConfig['Healthcheck']): void {
  if (!health) return
  const long = (key: 'Interval' | 'Timeout' | 'StartPeriod' | 'StartInterval'): void => {
    const value = health[key] ?? 0
    if (value !== 0 && value < MILLISECOND_NS)
      throw invalidParameter(`${key} in Healthcheck cannot be less than 1ms`)
  }
  long('Interval')
  long('Timeout')
  if ((health.Retries ?? 0) < 0) throw invalidParameter('Retries in Healthcheck cannot be negative')
  long('StartPeriod')
  long('StartInterval')
  // Zero says nothing, and is not shown.
  for (const key of NUMBERS) if (!health[key]) delete health[key]
}

/** The kernel, and a launch plan, end a string there. */
function refuseNul(config: ContainerConfig): void {
  const words = [
    ...(config.Env ?? []),
    ...(config.Entrypoint ?? []),
    ...(config.Cmd ?? []),
    config.WorkingDir ?? '',
    config.Hostname ?? '',
    config.Domainname ?? '',
    config.User ?? '',
  ]
  if (words.some((word) => word.includes('\0')))
    throw invalidParameter('a NUL byte is not allowed in arguments, variables and names')
}
