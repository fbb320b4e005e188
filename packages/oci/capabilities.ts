/** Capabilities in the kernel's order (linux/capability.h): the index is the number. Without CAP_. */
export const allCapabilities: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
]

/** What a default container's root may do. */
export const defaultCapabilities: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
]

/** A name in CapAdd or CapDrop that cannot be had; the message is for the user. */
export class CapabilityError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CapabilityError'
  }
}

/**
 * The capabilities of a container, from `CapAdd` and `CapDrop` (any case, with or without `CAP_`,
 * `ALL` for all). `available` is the daemon's own bounding set: more cannot be given.
 */
export function tweakCapabilities(o: {
  add: readonly string[]
  drop: readonly string[]
  privileged: boolean
  available?: readonly string[]
}): string[] {
  const available = o.available ?? allCapabilities
  const drop = normalizeCapabilities(o.drop, available)
  const add = normalizeCapabilities(o.add, available)
  if (o.privileged) return [...available]
  if (add.includes('ALL')) return available.filter((name) => !drop.includes(name))
  const base = drop.includes('ALL') ? [] : defaultCapabilities
  const kept = base.filter((name) => !drop.includes(name))
  return [...new Set([...kept, ...add])]
}

/** Upper case, without `CAP_`. `ALL` stays. */
export function normalizeCapabilities(
  names: readonly string[],
  available: readonly string[] = allCapabilities,
): string[] {
  return names.map((given) => {
    const upper = given.toUpperCase()
    if (upper === 'ALL') return upper
    const name = upper.replace(/^CAP_/, '')
    if (!allCapabilities.includes(name)) {
      throw new CapabilityError(`unknown capability: "CAP_${name}"`)
    }
    if (!available.includes(name)) {
      throw new CapabilityError(
        `capability not supported by your kernel or not available in the current environment: "CAP_${name}"`,
      )
    }
    return name
  })
}

/** `CapBnd` and the like of /proc/PID/status: hexadecimal bits to names. */
export function capabilitiesOfMask(hex: string): string[] {
  const bits = BigInt(`0x${hex}`)
  return allCapabilities.filter((_, number) => ((bits >> BigInt(number)) & 1n) === 1n)
}
