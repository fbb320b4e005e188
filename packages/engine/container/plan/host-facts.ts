import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { machine, release } from 'node:os'
import { supportsAppArmor } from '@tdocker/kernel/apparmor.ts'
import { capabilitiesOfMask } from '@tdocker/oci/capabilities.ts'
import type { HostFacts } from './plan-input.ts'

/** Read once, at daemon start. */
export function readHostFacts(): HostFacts {
  const status = readFileSync('/proc/self/status', 'utf8')
  const bounding = /^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'
  return {
    thermalThrottleCpus: thermalThrottleCpus(),
    kernelVersion: release(),
    machine: machine(),
    apparmor: supportsAppArmor(),
    selinux: existsSync('/sys/fs/selinux/enforce'),
    kcore: existsSync('/proc/kcore'),
    timeNamespaces: existsSync('/proc/self/ns/time'),
    capabilities: capabilitiesOfMask(bounding),
  }
}

function thermalThrottleCpus(): number[] {
  const root = '/sys/devices/system/cpu'
  if (!existsSync(root)) return []
  return readdirSync(root)
    .flatMap((name) => /^cpu(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .filter((cpu) => existsSync(`${root}/cpu${cpu}/thermal_throttle`))
    .toSorted((a, b) => a - b)
}
