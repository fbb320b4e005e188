import type { HostConfig } from '@tdocker/api'
import { hasAppArmorFile, isProfileLoaded, loadProfile } from '@tdocker/kernel/apparmor.ts'
import { DEFAULT_APPARMOR_PROFILE, defaultAppArmorProfile } from '@tdocker/oci/apparmor-default.ts'
import { system } from '../../base/errors.ts'
import { parseSecurityOptions } from './security-options.ts'

const UNCONFINED = 'unconfined'

/** AppArmor profiles of containers; loads the default one when the kernel does not have it. */
export class AppArmor {
  readonly #supported: boolean
  #loading: Promise<void> | undefined

  constructor(supported: boolean) {
    this.#supported = supported
  }

  /** Name of the profile that processes of a container get; '' where the host has no AppArmor. */
  profileOf(hostConfig: HostConfig): string {
    if (!this.#supported) return ''
    const { apparmor } = parseSecurityOptions(hostConfig)
    if (apparmor !== '') return apparmor
    return hostConfig.Privileged ? UNCONFINED : DEFAULT_APPARMOR_PROFILE
  }

  /** As `profileOf`, loaded; undefined where none is to be applied. Throws system. */
  async forContainer(hostConfig: HostConfig): Promise<string | undefined> {
    const profile = this.profileOf(hostConfig)
    if (profile === '') return undefined
    if (profile === DEFAULT_APPARMOR_PROFILE) await this.#ensureDefault()
    return profile
  }

  /** At every start: a distribution that reloads its profiles drops those it does not know. */
  async #ensureDefault(): Promise<void> {
    if (await isProfileLoaded(DEFAULT_APPARMOR_PROFILE)) return
    this.#loading ??= loadDefault().finally(() => (this.#loading = undefined))
    await this.#loading
  }
}

async function loadDefault(): Promise<void> {
  try {
    await loadProfile(defaultAppArmorProfile(hasAppArmorFile))
  } catch (error) {
    const told = `AppArmor enabled on system but the ${DEFAULT_APPARMOR_PROFILE} profile could not be loaded`
    throw system(`${told}: ${(error as Error).message}`, error)
  }
}
