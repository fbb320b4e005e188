import type { BlkioThrottle, CgroupResources } from './driver.ts'
import type { DeviceRule } from '../native.ts'
import { RefusedLimit } from './fs.ts'

/** A value for one file of one controller's directory. */
export interface LimitWrite {
  controller: string
  file: string
  value: string
}

export interface V1State {
  /** Whether the file exists for this controller. */
  has(controller: string, file: string): boolean
  /** Current memory.memsw.limit_in_bytes; absent when it is not known to be limited. */
  memswBytes?: number
}

const unlimited = -1

/** Writes that give a v1 group its limits, in the order the kernel accepts them. */
export function v1Limits(wish: CgroupResources, state: V1State): LimitWrite[] {
  const writes: LimitWrite[] = []
  const put = (controller: string, file: string, value: number | string | undefined): void => {
    if (value === undefined || !state.has(controller, file)) return
    writes.push({ controller, file, value: String(value) })
  }
  for (const [file, value] of memoryOrder(wish, state)) put('memory', file, value)
  put('memory', 'memory.soft_limit_in_bytes', wish.memoryReservationBytes)
  put('memory', 'memory.swappiness', wish.memorySwappiness)
  if (wish.oomKillDisable === true) put('memory', 'memory.oom_control', 1)
  checkShares(wish.cpuShares)
  put('cpu', 'cpu.shares', wish.cpuShares)
  put('cpu', 'cpu.cfs_period_us', wish.cpuPeriodUs)
  put('cpu', 'cpu.cfs_quota_us', wish.cpuQuotaUs)
  put('cpu', 'cpu.rt_period_us', wish.cpuRealtimePeriodUs)
  put('cpu', 'cpu.rt_runtime_us', wish.cpuRealtimeRuntimeUs)
  put('cpuset', 'cpuset.cpus', wish.cpusetCpus)
  put('cpuset', 'cpuset.mems', wish.cpusetMems)
  if (wish.pids !== undefined) put('pids', 'pids.max', wish.pids <= 0 ? 'max' : wish.pids)
  const weight = state.has('blkio', 'blkio.weight') ? 'blkio.weight' : 'blkio.bfq.weight'
  put('blkio', weight, wish.blkioWeight)
  const weightDevice = `${weight}_device`
  for (const one of wish.blkioWeightDevices ?? []) {
    put('blkio', weightDevice, `${one.major}:${one.minor} ${one.weight}`)
  }
  for (const limit of wish.blkioThrottle ?? []) {
    put('blkio', throttleFile[limit.kind], `${limit.major}:${limit.minor} ${limit.rate}`)
  }
  return writes
}

/** The kernel would take the nearest value it allows; runc does not. */
function checkShares(shares: number | undefined): void {
  if (shares === undefined || (shares >= 2 && shares <= 262_144)) return
  const which =
    shares < 2 ? 'minimum allowed cpu-shares is 2' : 'maximum allowed cpu-shares is 262144'
  const message = `the ${which}`
  throw new RefusedLimit({ code: 'EINVAL', errno: 22, path: 'cpu.shares', message })
}

const throttleFile: Record<BlkioThrottle['kind'], string> = {
  'read-bps': 'blkio.throttle.read_bps_device',
  'write-bps': 'blkio.throttle.write_bps_device',
  'read-iops': 'blkio.throttle.read_iops_device',
  'write-iops': 'blkio.throttle.write_iops_device',
}

/** The kernel refuses any moment in which memory would exceed memory plus swap. */
function memoryOrder(wish: CgroupResources, state: V1State): Array<[string, number | undefined]> {
  const memory: [string, number | undefined] = ['memory.limit_in_bytes', wish.memoryBytes]
  const swap: [string, number | undefined] = [
    'memory.memsw.limit_in_bytes',
    wish.memorySwapBytes ?? (wish.memoryBytes === unlimited ? unlimited : undefined),
  ]
  const raised =
    swap[1] === unlimited ||
    (swap[1] !== undefined && state.memswBytes !== undefined && swap[1] > state.memswBytes)
  return raised ? [swap, memory] : [memory, swap]
}

/** Commands for devices.deny and devices.allow, in order. */
export function v1DeviceCommands(
  rules: readonly DeviceRule[],
): Array<{ file: 'devices.allow' | 'devices.deny'; values: string[] }> {
  const batches: Array<{ file: 'devices.allow' | 'devices.deny'; values: string[] }> = []
  for (const rule of effective(rules).flatMap(bothKinds)) {
    const file = rule.allow ? 'devices.allow' : 'devices.deny'
    const last = batches.at(-1)
    if (last?.file === file) last.values.push(deviceText(rule))
    else batches.push({ file, values: [deviceText(rule)] })
  }
  return batches
}

/** A rule for all devices makes the ones before it void; a new group allows all as it is. */
function effective(rules: readonly DeviceRule[]): readonly DeviceRule[] {
  const last = rules.findLastIndex((rule) => isForAll(rule))
  const rest = last < 0 ? rules : rules.slice(last)
  return rest[0]?.allow === true && isForAll(rest[0]) ? rest.slice(1) : rest
}

export function isForAll(rule: DeviceRule): boolean {
  const { type, major, minor, access } = rule
  return type === 'a' && major < 0 && minor < 0 && ['r', 'w', 'm'].every((a) => access.includes(a))
}

/** Written as it is, 'a 1:3 r' would mean everything. */
function bothKinds(rule: DeviceRule): DeviceRule[] {
  if (rule.type !== 'a' || isForAll(rule)) return [rule]
  return [
    { ...rule, type: 'c' },
    { ...rule, type: 'b' },
  ]
}

function deviceText(rule: DeviceRule): string {
  // The kernel stops reading after 'a': it means every device and every access.
  if (isForAll(rule)) return 'a'
  return `${rule.type} ${deviceNumber(rule.major)}:${deviceNumber(rule.minor)} ${rule.access}`
}

function deviceNumber(number: number): string {
  return number < 0 ? '*' : String(number)
}
