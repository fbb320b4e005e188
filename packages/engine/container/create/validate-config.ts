import { posix } from 'node:path'
import type { ContainerConfig } from '@tdocker/api'
import { invalidParameter } from '../../base/errors.ts'
import { parseSignal } from '../signals.ts'
import { checkPortKey } from './ports.ts'

const MAX_HOSTNAME = 64
const MILLISECOND_NS = 1_000_000

/** Checks what does not depend on image or machine; cleans `WorkingDir`. Throws invalidParameter. */
export function validateConfig(config: ContainerConfig): void {
  if (config.WorkingDir) {
    if (!config.WorkingDir.startsWith('/'))
      throw invalidParameter(
        `the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`,
      )
    config.WorkingDir = cleanPath(config.WorkingDir)
  }
  if (config.StopSignal) parseSignal(config.StopSignal)
  for (const entry of config.Env ?? [])
    if (entry === '' || entry.startsWith('='))
      throw invalidParameter(`invalid environment variable: ${entry}`)
  validateHealthcheck(config.Healthcheck)
  for (const port of Object.keys(config.ExposedPorts ?? {})) checkPortKey(port)
  if (Buffer.byteLength(config.Hostname ?? '') > MAX_HOSTNAME)
    throw invalidParameter(
      `hostname ${JSON.stringify(config.Hostname)} is too long (maximum ${MAX_HOSTNAME} bytes)`,
    )
  rejectNul(config)
}

/** Go's path.Clean: no trailing slash, no `.` and `..`. */
export function cleanPath(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

function validateHealthcheck(health: ContainerConfig['Healthcheck']): void {
  if (!health) return
  for (const key of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const value = health[key] ?? 0
    if (value !== 0 && value < MILLISECOND_NS)
      throw invalidParameter(`${key} in Healthcheck cannot be less than 1ms`)
  }
  if ((health.Retries ?? 0) < 0)
    throw invalidParameter('Retries in Healthcheck cannot be negative')
}

/** A NUL would end the string early in every system call it reaches. */
function rejectNul(config: ContainerConfig): void {
  const texts = [
    ...(config.Env ?? []),
    ...(config.Cmd ?? []),
    ...(config.Entrypoint ?? []),
    config.User ?? '',
    config.WorkingDir ?? '',
    config.Hostname ?? '',
    config.Domainname ?? '',
    ...Object.keys(config.Volumes ?? {}),
  ]
  if (texts.some((text) => text.includes('\0')))
    throw invalidParameter('invalid config: NUL bytes are not allowed')
}
