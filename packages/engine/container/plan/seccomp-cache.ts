import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { getSystemErrorMessage } from 'node:util'
import type { HostConfig } from '@tdocker/api'
import type { Native } from '@tdocker/kernel/native.ts'
import { defaultSeccompProfile } from '@tdocker/oci/seccomp-default.ts'
import { SeccompProfileError, parseSeccompProfile } from '@tdocker/oci/seccomp-parse.ts'
import { type SeccompProfile, resolveSeccomp } from '@tdocker/oci/seccomp-profile.ts'
import { system } from '../../base/errors.ts'
import { planCapabilities } from './capability-set.ts'
import type { HostFacts } from './plan-input.ts'
import { parseSecurityOptions } from './security-options.ts'

/** A user's profiles could fill memory: the least recently used go. */
const maxFilters = 64

/**
 * Compiled seccomp filters. Compiling costs about 10 ms, so it is done once per profile and set of
 * capabilities; Docker's profile looks at nothing else of a container.
 */
export class SeccompFilters {
  readonly #native: Pick<Native, 'seccompCompile'>
  readonly #host: HostFacts
  readonly #daemonProfile: string
  readonly #filters = new Map<string, Promise<Buffer>>()

  constructor(o: {
    native: Pick<Native, 'seccompCompile'>
    host: HostFacts
    /** `builtin`, `unconfined` or the text of a profile, for containers that do not say. */
    daemonProfile?: string
  }) {
    this.#native = o.native
    this.#host = o.host
    this.#daemonProfile = o.daemonProfile ?? 'builtin'
  }

  /** Filter of a container and of its execs; undefined for unconfined. */
  async forContainer(hostConfig: HostConfig): Promise<Uint8Array | undefined> {
    const profile = this.#choose(hostConfig)
    if (profile === 'unconfined') return undefined
    return this.#compiled(profile, planCapabilities(hostConfig, this.#host))
  }

  /** At daemon start, so that the first container does not wait. */
  async warm(): Promise<void> {
    await this.forContainer({})
  }

  #choose(hostConfig: HostConfig): SeccompProfile | 'unconfined' {
    const { seccomp: given } = parseSecurityOptions(hostConfig)
    const privileged = hostConfig.Privileged === true
    const seccomp = given || (privileged ? 'unconfined' : this.#daemonProfile)
    if (seccomp === 'unconfined') return 'unconfined'
    return seccomp === 'builtin' && !privileged ? defaultSeccompProfile : profileOf(seccomp)
  }

  #compiled(profile: SeccompProfile, capabilities: readonly string[]): Promise<Buffer> {
    const { machine, kernelVersion } = this.#host
    const key = filterKey(profile, capabilities)
    const known = this.#filters.get(key)
    this.#filters.delete(key)
    const filter =
      known ??
      this.#native.seccompCompile(resolveSeccomp(profile, { capabilities, machine, kernelVersion }))
    this.#filters.set(key, filter)
    filter.catch(() => this.#filters.delete(key))
    const oldest = this.#filters.keys().next().value
    if (this.#filters.size > maxFilters && oldest !== undefined) this.#filters.delete(oldest)
    return filter
  }
}

/**
 * `seccomp-profile` of daemon.json as `daemonProfile`. What a file says is found out at the start of
 * a container, as in moby; that it is there, now. Throws a plain Error.
 */
export function readDaemonProfile(setting: string): string {
  if (setting === 'builtin' || setting === 'unconfined') return setting
  try {
    return readFileSync(setting, 'utf8')
  } catch (error) {
    const { errno, message } = error as NodeJS.ErrnoException
    const reason = errno === undefined ? message : getSystemErrorMessage(errno)
    throw new Error(`opening seccomp profile (${setting}) failed: open ${setting}: ${reason}`, {
      cause: error,
    })
  }
}

function profileOf(text: string): SeccompProfile | 'unconfined' {
  try {
    return parseSeccompProfile(text) ?? 'unconfined'
  } catch (error) {
    if (error instanceof SeccompProfileError) throw system(error.message, error)
    throw error
  }
}

function filterKey(profile: SeccompProfile, capabilities: readonly string[]): string {
  const caps = [...capabilities].sort().join(' ')
  if (profile === defaultSeccompProfile) return `default ${caps}`
  const text = JSON.stringify(profile, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
  return `${createHash('sha256').update(text).digest('hex')} ${caps}`
}
