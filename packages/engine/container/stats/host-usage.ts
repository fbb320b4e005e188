import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { totalmem } from 'node:os'
import { type Counter, counter, times } from '@tdocker/kernel/cgroup/stats.ts'

/** What samples need to know of the machine and of a process's network. */
export interface HostUsage {
  /** Of the machine: what stands for "no limit". */
  readonly memoryBytes: number
  /** CPU time of the whole machine, idle included, and how many CPUs are online. */
  cpu(): HostCpu
  /** Counters of the interfaces a process sees; undefined when it is gone. */
  interfaces(pid: number): Map<string, InterfaceCounters> | undefined
}

export interface HostCpu {
  usageNs: Counter
  online: number
}

export interface InterfaceCounters {
  rxBytes: Counter
  rxPackets: Counter
  rxErrors: Counter
  rxDropped: Counter
  txBytes: Counter
  txPackets: Counter
  txErrors: Counter
  txDropped: Counter
}

/** Synchronous: the kernel's memory, some 10 µs a file. */
export const kernelHostUsage: HostUsage = {
  memoryBytes: totalmem(),
  cpu: () => parseProcStat(readHead('/proc/stat')),
  interfaces: (pid) => {
    try {
      return parseNetDev(readFileSync(`/proc/${pid}/net/dev`, 'utf8'))
    } catch {
      return undefined
    }
  },
}

/** USER_HZ: ticks of 10 ms. */
const nsPerTick = 10_000_000

/** proc_stat(5): the sum of user, nice, system, idle, iowait, irq and softirq. */
export function parseProcStat(text: string): HostCpu {
  let usageNs: Counter = 0
  let online = 0
  for (const line of text.split('\n')) {
    if (!line.startsWith('cpu')) break
    if (line[3] !== ' ') online++
    else {
      const fields = line.trim().split(/ +/).slice(1, 8)
      usageNs = times(
        fields.reduce((sum, field) => sum + Number(field), 0),
        nsPerTick,
      )
    }
  }
  return { usageNs, online }
}

/** proc_pid_net(5), /proc/pid/net/dev: two lines of titles, then sixteen numbers an interface. */
export function parseNetDev(text: string): Map<string, InterfaceCounters> {
  const interfaces = new Map<string, InterfaceCounters>()
  for (const line of text.split('\n').slice(2)) {
    const colon = line.lastIndexOf(':')
    if (colon < 0) continue
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/ +/)
      .map(counter)
    const at = (index: number): Counter => fields[index] ?? 0
    interfaces.set(line.slice(0, colon).trim(), {
      rxBytes: at(0),
      rxPackets: at(1),
      rxErrors: at(2),
      rxDropped: at(3),
      txBytes: at(8),
      txPackets: at(9),
      txErrors: at(10),
      txDropped: at(11),
    })
  }
  return interfaces
}

/** The CPU lines stand first; the interrupts after them are many on large machines. */
const head = Buffer.alloc(64 * 1024)

function readHead(path: string): string {
  const fd = openSync(path, 'r')
  try {
    return head.toString('latin1', 0, readSync(fd, head, 0, head.length, 0))
  } finally {
    closeSync(fd)
  }
}
