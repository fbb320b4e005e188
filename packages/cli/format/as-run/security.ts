import type { HostConfig } from '@tdocker/api'
import { flag, listFlag, mapFlag, onFlag } from './flags.ts'
import type { Words } from './flags.ts'
import type { DaemonDefaults } from './as-run.ts'

/** Flags of namespaces and privileges. */
export function securityFlags(host: HostConfig, defaults: DaemonDefaults): Words {
  const unlike = (value: string | undefined, usual: string): string | undefined =>
    value === usual ? undefined : value
  return [
    ...onFlag('--privileged', host.Privileged),
    ...listFlag('--cap-add', (host.CapAdd ?? []).map(capability)),
    ...listFlag('--cap-drop', (host.CapDrop ?? []).map(capability)),
    ...listFlag('--security-opt', host.SecurityOpt),
    ...(isUnmasked(host) ? ['--security-opt', 'systempaths=unconfined'] : []),
    ...flag('--pid', host.PidMode),
    ...flag('--ipc', unlike(host.IpcMode, 'private')),
    ...flag('--uts', host.UTSMode),
    ...flag('--userns', host.UsernsMode),
    ...flag('--cgroupns', unlike(host.CgroupnsMode, defaults.cgroupns)),
    ...mapFlag('--sysctl', host.Sysctls),
    ...flag('--isolation', host.Isolation),
    ...flag('--runtime', unlike(host.Runtime, defaults.runtime)),
  ]
}

const capability = (name: string): string => name.replace(/^CAP_/, '')

/** Privileged containers have no masks to begin with. */
function isUnmasked({ Privileged, MaskedPaths, ReadonlyPaths }: HostConfig): boolean {
  return !Privileged && MaskedPaths?.length === 0 && ReadonlyPaths?.length === 0
}
