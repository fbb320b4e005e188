import type { CgroupFeatures } from '../driver.ts'

/** A machine that can limit everything. */
export const ALL_FEATURES: CgroupFeatures = {
  memoryLimit: true,
  swapLimit: true,
  memoryReservation: true,
  memorySwappiness: true,
  oomKillDisable: true,
  cpuShares: true,
  cpuCfs: true,
  cpuRealtime: true,
  cpuset: true,
  pidsLimit: true,
  blkioWeight: true,
  blkioWeightDevice: true,
  blkioThrottle: true,
}
