import type { SystemInfo } from '@tdocker/api'
import type { CgroupFeatures } from '@tdocker/kernel/cgroup/driver.ts'

const ADVICE = `
         Access to the remote API is equivalent to root access on the host. Refer
         to the 'Docker daemon attack surface' section in the documentation for
         more information: https://docs.docker.com/go/attack-surface/
In future versions this will be a hard failure preventing the daemon from starting! Learn more at: https://docs.docker.com/go/api-security/`

/** Of addresses where anybody may use the API. */
export function exposureWarnings(addresses: readonly string[]): string[] {
  return addresses.map((address) => {
    const lack = address.startsWith('https:')
      ? 'without TLS client verification'
      : 'without encryption'
    return `[DEPRECATION NOTICE]: API is accessible on ${address} ${lack}.${ADVICE}`
  })
}

/**
 * What containers will miss on this machine, in moby's words and order (daemon/info_unix.go). Its
 * word that cgroup v1 is about to go is not ours to say.
 */
export function limitWarnings(
  info: Pick<SystemInfo, 'CgroupVersion' | 'IPv4Forwarding'>,
  features: CgroupFeatures,
): string[] {
  const v1 = info.CgroupVersion === '1'
  const missing: ReadonlyArray<[missing: boolean, what: string]> = [
    [!features.memoryLimit, 'No memory limit support'],
    [!features.swapLimit, 'No swap limit support'],
    // There is none on v2, and nothing to be done about it.
    [v1 && !features.oomKillDisable, 'No oom kill disable support'],
    [!features.cpuCfs, 'No cpu cfs quota support'],
    [!features.cpuCfs, 'No cpu cfs period support'],
    [!features.cpuShares, 'No cpu shares support'],
    [!features.cpuset, 'No cpuset support'],
    [!v1 && !features.blkioWeight, 'No io.weight support'],
    [!v1 && !features.blkioWeightDevice, 'No io.weight (per device) support'],
    ...['read_bps', 'write_bps', 'read_iops', 'write_iops'].map((limit): [boolean, string] => [
      !features.blkioThrottle,
      v1
        ? `No blkio throttle.${limit}_device support`
        : `No io.max (${limit.replace(/^(r|w)\w+_/, '$1')}) support`,
    ]),
    [!info.IPv4Forwarding, 'IPv4 forwarding is disabled'],
  ]
  return missing.flatMap(([isMissing, what]) => (isMissing ? [`WARNING: ${what}`] : []))
}

const GB = 1_000_000_000

/** Logs that nobody capped fill a disk unseen. */
export function logWarnings(logs: ReadonlyArray<{ id: string; bytes: number }>): string[] {
  return logs.map(
    ({ id, bytes }) =>
      `WARNING: The log of container ${id.slice(0, 12)} takes ${(bytes / GB).toFixed(1)} GB. Set log-opts in daemon.json, or --log-opt max-size, to cap logs`,
  )
}

/** Logs above this are worth a warning. */
export const LARGE_LOG: number = GB
