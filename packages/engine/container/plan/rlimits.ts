import type { HostConfig } from '@tdocker/api'
import { rlimitNumber } from '@tdocker/kernel/shim/linux-numbers.ts'
import type { PlanProcess } from '@tdocker/kernel/shim/plan.ts'
import { runtimeRefusal } from './runtime-refusal.ts'

/** RLIM_INFINITY, which the API writes as -1. */
const unlimited = 2n ** 64n - 1n

const names: ReadonlySet<string> = new Set(
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  ),
)

/** `HostConfig.Ulimits`, after the merge with the daemon's defaults. */
export function planRlimits(hostConfig: HostConfig): PlanProcess['rlimits'] {
  return (hostConfig.Ulimits ?? []).map(({ Name = '', Soft = 0, Hard = 0 }) => {
    const name = Name.toLowerCase()
    if (!names.has(name)) throw runtimeRefusal(`wrong rlimit value: RLIMIT_${Name.toUpperCase()}`)
    const soft = limit(Soft)
    const hard = limit(Hard)
    if (soft > hard) {
      // As the kernel would: EINVAL.
      throw runtimeRefusal(
        `unable to start container process: error during container init: error setting rlimits for ready process: error setting rlimit type ${rlimitNumber(name)}: invalid argument`,
      )
    }
    return { name, soft, hard }
  })
}

function limit(value: number): bigint {
  return value < 0 ? unlimited : BigInt(value)
}
