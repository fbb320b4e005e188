/** Numbers of the kernel's headers, by the names that the OCI runtime spec uses. */
import { allCapabilities } from '@tdocker/oci/capabilities.ts'

/** asm-generic/resource.h, without `RLIMIT_`, lower case; the index is the number. */
const RLIMITS: readonly string[] = [
  'cpu',
  'fsize',
  'data',
  'stack',
  'core',
  'rss',
  'nproc',
  'nofile',
  'memlock',
  'as',
  'locks',
  'sigpending',
  'msgqueue',
  'nice',
  'rtprio',
  'rttime',
]

/** The set as a bit mask. Throws RangeError for a name the kernel's header does not have. */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => mask | (1n << BigInt(capabilityNumber(name))), 0n)
}

function capabilityNumber(name: string): number {
  const number = allCapabilities.indexOf(name.replace(/^CAP_/, ''))
  if (number < 0) throw new RangeError(`unknown capability ${name}`)
  return number
}

/** Takes `nofile` and `RLIMIT_NOFILE`. Throws RangeError for an unknown name. */
export function rlimitNumber(name: string): number {
  const number = RLIMITS.indexOf(name.replace(/^RLIMIT_/, '').toLowerCase())
  if (number < 0) throw new RangeError(`unknown rlimit ${name}`)
  return number
}

/** linux/mount.h: MOUNT_ATTR_*. */
export const MOUNT_ATTR = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  relatime: 0,
  noatime: 0x10,
  strictatime: 0x20,
} as const

/** The field of mutually exclusive access-time modes inside the attributes. */
export const MOUNT_ATTR_ATIME_FIELD = 0x70
