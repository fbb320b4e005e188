import { readFileSync } from 'node:fs'
import os from 'node:os'
import { supportsAppArmor } from '@tdocker/kernel/apparmor.ts'

/** Facts of the machine that do not change while the daemon runs. */
export interface HostFacts {
  kernelVersion: string
  operatingSystem: string
  osVersion: string
  /** As `uname -m`. */
  machine: string
  /** As Go names it. */
  goArch: string
  cpus: number
  memoryBytes: number
  hasSeccomp: boolean
  hasAppArmor: boolean
}

const GO_ARCH: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  armv7l: 'arm',
  i686: '386',
}

export function readHostFacts(): HostFacts {
  const release = parseOsRelease(textOf('/etc/os-release') || textOf('/usr/lib/os-release'))
  const machine = os.machine()
  return {
    kernelVersion: os.release(),
    operatingSystem:
      (release.get('PRETTY_NAME') ?? 'Linux') + (isContained() ? ' (containerized)' : ''),
    osVersion: release.get('VERSION_ID') ?? '',
    machine,
    goArch: GO_ARCH[machine] ?? machine,
    cpus: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    hasSeccomp: textOf('/proc/self/status').includes('\nSeccomp:'),
    hasAppArmor: supportsAppArmor(),
  }
}

/** As moby tells it: the first process is not at the root of its cgroups. */
function isContained(): boolean {
  return textOf('/proc/1/cgroup')
    .split('\n')
    .some((line) => line !== '' && !line.endsWith('/') && !line.endsWith('init.scope'))
}

/** `KEY="value"` lines of os-release(5), quotes removed. */
export function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^([A-Z_]+)=(.*)$/.exec(line)
    if (match) values.set(match[1]!, match[2]!.replace(/^(["'])(.*)\1$/, '$2'))
  }
  return values
}

export function isForwardingOn(): boolean {
  return textOf('/proc/sys/net/ipv4/ip_forward').startsWith('1')
}

export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
