import { posix } from 'node:path'
import type { ContainerConfig } from '@tdocker/api'
import { invalidParameter } from '../../base/errors.ts'
import { checkPortKey, portKey } from './ports.ts'

const MILLISECOND_NS = 1_000_000

/**
 * Checks and normalises what only concerns the container's description; `plan/validate.ts` looks
 * at what its process is made of. Throws invalidParameter.
 */
export function validateConfig(config: ContainerConfig): void {
  if (config.WorkingDir?.startsWith('/')) config.WorkingDir = cleanPath(config.WorkingDir)
  validateHealthcheck(config.Healthcheck)
  const exposed = Object.keys(config.ExposedPorts ?? {})
  for (const port of exposed) checkPortKey(port)
  if (exposed.length > 0)
    config.ExposedPorts = Object.fromEntries(exposed.map((port) => [portKey(port), {}]))
  if ((config.StopTimeout ?? 0) < -1)
    throw invalidParameter(`invalid stop timeout: ${config.StopTimeout}`)
}

/** Go's path.Clean: no trailing slash, no `.` and `..`. */
export function cleanPath(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

function validateHealthcheck(health: ContainerConfig['Healthcheck']): void {
  if (!health) return
  const check = (key: 'Interval' | 'Timeout' | 'StartPeriod' | 'StartInterval'): void => {
    const value = health[key] ?? 0
    if (value !== 0 && value < MILLISECOND_NS)
      throw invalidParameter(`${key} in Healthcheck cannot be less than 1ms`)
  }
  check('Interval')
  check('Timeout')
  if ((health.Retries ?? 0) < 0) throw invalidParameter('Retries in Healthcheck cannot be negative')
  check('StartPeriod')
  check('StartInterval')
}
