import type { HostConfig } from '@tdocker/api'
import { system } from '../../base/errors.ts'
import type { HostFacts } from './plan-input.ts'

/** `HostConfig.SecurityOpt`, understood. */
export interface SecurityOptions {
  noNewPrivileges: boolean
  /** `unconfined`, `builtin` or the text of a profile; empty: nothing was said. */
  seccomp: string
  apparmor: string
  label: string[]
  writableCgroups: boolean | undefined
}

/**
 * Reads `--security-opt` values: `no-new-privileges[=true]`, `seccomp=unconfined|JSON`,
 * `apparmor=NAME`, `label=…`; what a profile says is found out at start, and a label or AppArmor profile
 * on a kernel without is ignored, all as Docker does. Throws system with its sentence.
 */
export function parseSecurityOptions(
  hostConfig: HostConfig,
  defaults: { noNewPrivileges?: boolean } = {},
): SecurityOptions {
  const options: SecurityOptions = {
    noNewPrivileges: defaults.noNewPrivileges ?? false,
    seccomp: '',
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
    if (at < 0) throw system(`invalid --security-opt 1: ${quote(option)}`)
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
      options.seccomp = value
      break
    case 'no-new-privileges':
      options.noNewPrivileges = parseBool(value, option)
      break
    case 'writable-cgroups':
      options.writableCgroups = parseBool(value, option)
      break
    default:
      throw system(`invalid --security-opt 2: ${quote(option)}`)
  }
}

/** Go's strconv.ParseBool. */
function parseBool(value: string, option: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw system(`invalid --security-opt 2: ${quote(option)}`)
}

/**
 * A label that this kernel would enforce but nobody here can set is refused at start: it must not be
 * forgotten in silence.
 */
export function refuseUnenforced(options: SecurityOptions, host: HostFacts): void {
  if (host.selinux && options.label.some((label) => label !== 'disable'))
    throw system('SELinux labels cannot be applied by this engine')
}

function quote(text: string): string {
  return JSON.stringify(text)
}
