import type { ContainerConfig, HostConfig } from '@tdocker/api'
import { invalidParameter } from '../../base/errors.ts'
import { validateCgroupnsMode, validateIpcPidModes, validateUtsMode } from './namespaces.ts'
import { type LimitHost, validateResources } from './validate-resources.ts'

/** HOST_NAME_MAX */
const maxHostname = 64

/**
 * What this machine and kernel say of a wish, in moby's order and words (invalidParameter); the
 * third part of create's checks, after those of `validateConfig` and `validateHostConfig`. Limits
 * that this machine lacks are dropped from `hostConfig`; the answer is the warnings.
 */
export function validatePlatform(
  config: ContainerConfig,
  hostConfig: HostConfig,
  limits: LimitHost,
): string[] {
  const { Hostname = '' } = config
  if (Buffer.byteLength(Hostname) > maxHostname) {
    throw invalidParameter(
      `hostname ${JSON.stringify(Hostname)} is too long (maximum ${maxHostname} bytes)`,
    )
  }
  const warnings = validateResources(hostConfig, limits)
  validateIpcPidModes(hostConfig)
  if ((hostConfig.ShmSize ?? 0) < 0) throw invalidParameter('SHM size can not be less than 0')
  validateUtsMode(hostConfig)
  const score = hostConfig.OomScoreAdj ?? 0
  if (score < -1000 || score > 1000) {
    throw invalidParameter(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`)
  }
  if (hostConfig.NetworkMode === 'host' && Object.keys(hostConfig.PortBindings ?? {}).length > 0)
    warnings.push('Published ports are discarded when using host network mode')
  return warnings
}

/** The last of the platform's checks, after the runtime. */
export function validatePlatformMounts(hostConfig: HostConfig): void {
  for (const target of Object.keys(hostConfig.Tmpfs ?? {})) {
    if (target === '/') {
      throw invalidParameter("invalid specification: destination can't be '/'")
    }
    if (!target.startsWith('/')) {
      throw invalidParameter(`invalid mount path: '${target}' mount path must be absolute`)
    }
  }
  validateCgroupnsMode(hostConfig)
}
