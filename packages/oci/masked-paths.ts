/**
 * Paths of /proc and /sys that a default container sees empty: they tell about the host or its
 * other guests (side channels, see the advisories GHSA-6fw5-f8r9-fgfm and GHSA-jq35-85cj-fj4p).
 */
export const maskedPaths: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
]

/** Paths that a default container can read only. */
export const readonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
]

/** The masked paths on a machine whose CPUs with these numbers report throttling. */
export function maskedPathsFor(thermalThrottleCpus: readonly number[]): string[] {
  const throttle = thermalThrottleCpus.map(
    (cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`,
  )
  return [...maskedPaths, ...throttle]
}
