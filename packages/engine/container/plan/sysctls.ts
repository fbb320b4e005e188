import type { HostConfig } from '@tdocker/api'
import { hasOwnNetwork } from './namespaces.ts'
import type { SharedWithHost } from './plan-input.ts'
import { runtimeRefusal } from './runtime-refusal.ts'

/** Of the IPC namespace, besides fs.mqueue.*. */
const ipcKeys: ReadonlySet<string> = new Set(
  'kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced'.split(
    ' ',
  ),
)

/**
 * Docker's own and the user's, in that order; the user's win. Keys come in dotted form. In a
 * network namespace of its own a container may open any port and ping without capabilities.
 * Throws what an OCI runtime refuses.
 */
export function planSysctls(
  hostConfig: HostConfig,
  shares: SharedWithHost = {},
): Array<readonly [string, string]> {
  const sysctls = new Map<string, string>()
  if (hasOwnNetwork(hostConfig)) {
    sysctls.set('net.ipv4.ping_group_range', '0 2147483647')
    sysctls.set('net.ipv4.ip_unprivileged_port_start', '0')
  }
  validateSysctls(hostConfig, shares)
  for (const [key, value] of Object.entries(hostConfig.Sysctls ?? {})) {
    sysctls.set(dotted(key), value)
  }
  return [...sysctls]
}

/**
 * Only what belongs to a namespace of the container's own can be set; the rest would be the
 * host's. The sentences are the OCI runtime's, which users search for.
 */
export function validateSysctls(hostConfig: HostConfig, shares: SharedWithHost = {}): void {
  for (const given of Object.keys(hostConfig.Sysctls ?? {})) {
    const key = dotted(given)
    const reason = refusal(key, hostConfig, shares)
    if (reason !== undefined) throw runtimeRefusal(reason)
  }
}

function refusal(key: string, hostConfig: HostConfig, shares: SharedWithHost): string | undefined {
  const named = `sysctl ${JSON.stringify(key)}`
  // Names become paths below /proc/sys: no way up, whatever the spelling.
  if (!/^[A-Za-z0-9_:@-]+(?:[./][A-Za-z0-9_:@-]+)+$/.test(key)) {
    return `${named} is not in a separate kernel namespace`
  }
  if (ipcKeys.has(key) || key.startsWith('fs.mqueue.')) {
    return hostConfig.IpcMode === 'host' || shares.ipc
      ? `${named} is not allowed in the hosts ipc namespace`
      : undefined
  }
  if (key.startsWith('net.')) {
    return hostConfig.NetworkMode === 'host' || shares.net
      ? `${named} not allowed in host network namespace`
      : undefined
  }
  if (hostConfig.UTSMode !== 'host') {
    if (key === 'kernel.domainname') return undefined
    if (key === 'kernel.hostname') {
      return `${named} is not allowed as it conflicts with the OCI "hostname" field`
    }
  }
  if (key.startsWith('user.')) {
    return `setting ucounts without a user namespace not allowed: ${key}`
  }
  return `${named} is not in a separate kernel namespace`
}

/** sysctl(8): where the first separator is a slash, dots are part of a name. */
function dotted(key: string): string {
  const first = key.search(/[./]/)
  if (first < 0 || key[first] === '.') return key
  return key.replace(/[./]/g, (separator) => (separator === '/' ? '.' : '/'))
}
