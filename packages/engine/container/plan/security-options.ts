import type { HostConfig } from '@tdocker/api'
import { SeccompProfileError, parseSeccompProfile } from '@tdocker/oci/seccomp-parse.ts'
import type { SeccompProfile } from '@tdocker/oci/seccomp-profile.ts'
import { invalidParameter, system } from '../../base/errors.ts'
import type { HostFacts } from './plan-input.ts'

/** `HostConfig.SecurityOpt`, understood. */
export interface SecurityOptions {
  noNewPrivileges: boolean
  /** `default`: Docker's; undefined: nothing was said. */
  seccomp: SeccompProfile | 'unconfined' | 'default' | undefined
  apparmor: string
  label: string[]
  writableCgroups: boolean | undefined
}

/**
 * Reads `--security-opt` values: `no-new-privileges[=true]`, `seccomp=unconfined|JSON`,
 * `apparmor=NAME`, `label=…`. Throws invalidParameter with Docker's sentence.
 */
export function parseSecurityOptions(
  hostConfig: HostConfig,
  defaults: { noNewPrivileges?: boolean } = {},
): SecurityOptions {
  const options: SecurityOptions = {
    noNewPrivileges: defaults.noNewPrivileges ?? false,
    seccomp: undefined,
    apparmor: '',
    label: [],
    writableCgroups: undefined,
  }
  for (const option of hostConfig.SecurityOpt ?? []) applyOption(options, option)
  return options
}

function applyOption(options: SecurityOptions, option: string): void {
  if (option === 'no-new-privileges') options.noNewPrivileges = true
  else if (option === 'writable-cgroups') options.writableCgroups = true
  else if (option === 'disable') options.label.push('disable')
  else {
    // The colon is the spelling of old clients.
    const at = option.includes('=') ? option.indexOf('=') : option.indexOf(':')
    if (at < 0) throw invalidParameter(`invalid --security-opt 1: ${quote(option)}`)
    applyPair(options, option.slice(0, at), option.slice(at + 1), option)
  }
}

function applyPair(options: SecurityOptions, key: string, value: string, option: string): void {
  switch (key) {
    case 'label':
      options.label.push(value)
      break
    case 'apparmor':
      options.apparmor = value
      break
    case 'seccomp':
      options.seccomp = seccompChoice(value)
      break
    case 'no-new-privileges':
      options.noNewPrivileges = parseBool(value, option)
      break
    case 'writable-cgroups':
      options.writableCgroups = parseBool(value, option)
      break
    default:
      throw invalidParameter(`invalid --security-opt 2: ${quote(option)}`)
  }
}

function seccompChoice(value: string): SecurityOptions['seccomp'] {
  if (value === '') return undefined
  if (value === 'unconfined') return 'unconfined'
  if (value === 'default' || value === 'builtin') return 'default'
  try {
    return parseSeccompProfile(value) ?? 'unconfined'
  } catch (error) {
    if (error instanceof SeccompProfileError) throw invalidParameter(error.message, error)
    throw error
  }
}

/** Go's strconv.ParseBool. */
function parseBool(value: string, option: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw invalidParameter(`invalid --security-opt 2: ${quote(option)}`)
}

/**
 * Refuses at start what the kernel lacks: a profile the user asked for and that nobody enforces
 * would be a false promise. `unconfined` and `disable` ask for nothing.
 */
export function checkKernelSupport(options: SecurityOptions, host: HostFacts): void {
  const { apparmor } = options
  if (!['', 'unconfined', 'docker-default'].includes(apparmor) && !host.apparmor) {
    throw system('apparmor is not enabled in your kernel, cannot apply a profile')
  }
  const labels = options.label.filter((label) => label !== 'disable')
  if (labels.length > 0 && !host.selinux) {
    throw system('selinux is not enabled in your kernel, cannot apply a label')
  }
}

function quote(text: string): string {
  return JSON.stringify(text)
}
