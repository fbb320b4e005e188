import type { ContainerConfig, HostConfig } from '@tdocker/api'
import { invalidParameter } from '../../base/errors.ts'
import { validateCapabilities } from './capability-set.ts'
import { parseDeviceCgroupRule } from './devices.ts'
import { validateNamespaceModes } from './namespaces.ts'
import type { HostFacts } from './plan-input.ts'
import { type LimitHost, validateResources } from './resources.ts'
import { planRlimits } from './rlimits.ts'
import { parseSecurityOptions } from './security-options.ts'
import { parseSignal } from './signals.ts'
import { validateSysctls } from './sysctls.ts'
import { parseTmpfsOptions } from './tmpfs-options.ts'

/** HOST_NAME_MAX */
const maxHostname = 64

/**
 * Checks at create what a launch plan will be made of, with Docker's sentences (invalidParameter).
 * Limits that this machine lacks are dropped from `hostConfig`; the answer is the warnings.
 */
export function validateForPlan(
  config: ContainerConfig,
  hostConfig: HostConfig,
  host: { facts: HostFacts; limits: LimitHost },
): string[] {
  validateProcess(config)
  validateCapabilities(hostConfig, host.facts)
  const warnings = validateResources(hostConfig, host.limits)
  validateNamespaceModes(hostConfig)
  if ((hostConfig.ShmSize ?? 0) < 0) throw invalidParameter('SHM size can not be less than 0')
  const score = hostConfig.OomScoreAdj ?? 0
  if (score < -1000 || score > 1000) {
    throw invalidParameter(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`)
  }
  for (const rule of hostConfig.DeviceCgroupRules ?? []) parseDeviceCgroupRule(rule)
  for (const [target, options] of Object.entries(hostConfig.Tmpfs ?? {})) {
    validateTmpfs(target, options)
  }
  parseSecurityOptions(hostConfig)
  validateSysctls(hostConfig)
  planRlimits(hostConfig)
  return warnings
}

function validateProcess(config: ContainerConfig): void {
  const { Hostname = '', WorkingDir = '', StopSignal = '', Env = [] } = config
  if (Buffer.byteLength(Hostname) > maxHostname) {
    throw invalidParameter(
      `hostname ${JSON.stringify(Hostname)} is too long (maximum ${maxHostname} bytes)`,
    )
  }
  if (WorkingDir !== '' && !WorkingDir.startsWith('/')) {
    throw invalidParameter(
      `the working directory '${WorkingDir}' is invalid, it needs to be an absolute path`,
    )
  }
  if (StopSignal !== '') parseSignal(StopSignal)
  for (const variable of Env) {
    if (variable === '' || variable.startsWith('=')) {
      throw invalidParameter(`invalid environment variable: ${variable}`)
    }
  }
  const words = [...Env, ...(config.Entrypoint ?? []), ...(config.Cmd ?? []), WorkingDir, Hostname]
  // A plan separates its strings by NUL, and so does the kernel.
  if (words.some((word) => word.includes('\0'))) {
    throw invalidParameter('a NUL byte is not allowed in arguments, variables and names')
  }
}

function validateTmpfs(target: string, options: string): void {
  if (target === '/') {
    throw invalidParameter("invalid specification: destination can't be '/'")
  }
  if (!target.startsWith('/')) {
    throw invalidParameter(`invalid mount path: '${target}' mount path must be absolute`)
  }
  parseTmpfsOptions(options)
}
