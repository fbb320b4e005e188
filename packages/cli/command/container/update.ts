import type { ContainerUpdateRequest, ContainerUpdateResponse } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { bytesFlag, intFlag } from '../../flag/kinds.ts'
import { parseCpus, parseSwapBytes, parseUint16 } from '../../flag/scalar.ts'
import { parseRestartPolicy } from '../../flag/spec/limits.ts'
import type { Action, Command } from '../command.ts'
import { containerPath } from './lifecycle.ts'

export const command: Command = {
  use: '[OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Change limits and restart policy of containers',
  aliases: ['container update', 'update'],
  args: { kind: 'atLeast', count: 1 },
  define(flags: FlagSet): Action {
    const all = updateFlags(flags)
    return async (cli, names) => {
      if (![...flags.flags.values()].some((flag) => flag.changed)) {
        throw new Error('you must provide one or more flags when using this command')
      }
      const body = requestOf(all)
      const [errors, warnings]: [string[], string[]] = [[], []]
      for (const name of names) {
        try {
          const path = `${containerPath(name)}/update`
          const answer = await cli.client.call<ContainerUpdateResponse>('POST', path, { body })
          cli.print(`${name}\n`)
          warnings.push(...(answer.Warnings ?? []))
        } catch (error) {
          errors.push((error as Error).message)
        }
      }
      if (warnings.length > 0) cli.print(`${warnings.join('\n')}\n`)
      if (errors.length > 0) throw new Error(errors.join('\n'))
    }
  },
}

function updateFlags(flags: FlagSet) {
  flags.need('cpu-rt-period', { api: '1.25' })
  flags.need('cpu-rt-runtime', { api: '1.25' })
  flags.need('cpus', { api: '1.29' })
  flags.need('pids-limit', { api: '1.40' })
  bytesFlag(flags, 'kernel-memory', 'Limit of kernel memory', { hidden: true })
  return {
    BlkioWeight: flags.add<number>({
      name: 'blkio-weight',
      usage: 'Weight of block IO: 10 to 1000, or 0 for none (default 0)',
      type: 'uint16',
      initial: 0,
      parse: parseUint16,
    }),
    CpuPeriod: intFlag(flags, 'cpu-period', 'Period of the CFS, in microseconds'),
    CpuQuota: intFlag(flags, 'cpu-quota', 'CPU time per period of the CFS, in microseconds'),
    CpuRealtimePeriod: intFlag(flags, 'cpu-rt-period', 'Period of the real-time scheduler'),
    CpuRealtimeRuntime: intFlag(flags, 'cpu-rt-runtime', 'Real-time CPU time per period'),
    CpuShares: intFlag(flags, 'cpu-shares', 'CPU shares (relative weight)', { shorthand: 'c' }),
    NanoCpus: flags.add<number>({
      name: 'cpus',
      usage: 'Number of CPUs',
      type: 'decimal',
      initial: 0,
      parse: parseCpus,
    }),
    CpusetCpus: flags.string('cpuset-cpus', '', '', 'CPUs it may run on (0-3, 0,1)'),
    CpusetMems: flags.string('cpuset-mems', '', '', 'Memory nodes it may use (0-3, 0,1)'),
    Memory: bytesFlag(flags, 'memory', 'Limit of memory', { shorthand: 'm' }),
    MemoryReservation: bytesFlag(flags, 'memory-reservation', 'Soft limit of memory'),
    MemorySwap: bytesFlag(
      flags,
      'memory-swap',
      'Limit of memory and swap together: -1 for no limit of swap',
      { parse: parseSwapBytes },
    ),
    PidsLimit: intFlag(flags, 'pids-limit', 'Limit of processes (-1 for none)'),
    RestartPolicy: flags.string('restart', '', '', 'When it is started again after its exit'),
  }
}

/** Zero means "leave it", so what was not given is sent as zero, as docker does. */
function requestOf(flags: ReturnType<typeof updateFlags>): ContainerUpdateRequest {
  const { RestartPolicy, PidsLimit, ...rest } = flags
  const values = Object.entries(rest).map(([key, flag]) => [key, flag.value])
  return {
    ...(Object.fromEntries(values) as ContainerUpdateRequest),
    ...(PidsLimit.value === 0 ? {} : { PidsLimit: PidsLimit.value }),
    RestartPolicy: parseRestartPolicy(RestartPolicy.value),
  }
}
