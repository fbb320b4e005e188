/** Devices that macvlan and ipvlan networks hang on, in moby's words (drivers/macvlan). */
import { KernelError, type Native } from '@tdocker/kernel'
import { system } from '../../base/errors.ts'
import type { HostView } from '../host-view.ts'

export type ParentKernel = Pick<Native, 'linkAdd' | 'linkDelete'>

/** Name of the device that stands in where no parent is named. */
export function dummyName(networkId: string): string {
  return `dm-${networkId.slice(0, 12)}`
}

/** Makes the parent where it is missing: a dummy, or the vlan that its name tells. True if so. */
export async function ensureParent(
  native: ParentKernel,
  host: HostView,
  parent: string,
  networkId: string,
): Promise<boolean> {
  if (host.links.has(parent)) return false
  if (parent === dummyName(networkId)) {
    await add(native, { kind: 'dummy', name: parent })
    return true
  }
  const { device, vlanId } = vlanOf(parent, host)
  await add(native, { kind: 'vlan', name: parent, parent: device, vlanId })
  return true
}

export async function removeParent(native: ParentKernel, parent: string): Promise<void> {
  await native.linkDelete({ name: parent })
}

function vlanOf(name: string, host: HostView): { device: string; vlanId: number } {
  if (!name.includes('.'))
    throw system(`invalid subinterface vlan name ${name}, example formatting is eth0.10`)
  const [device = '', id = '', ...rest] = name.split('.')
  if (rest.length > 0)
    throw system(
      `required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received ${name}`,
    )
  if (!/^[+-]?\d+$/.test(id))
    throw system(`unable to parse a valid vlan id from: ${name} (ex. eth0.10 for vlan 10)`)
  if (!host.links.has(device))
    throw system(`-o parent interface was not found on the host: ${device}`)
  const vlanId = Number(id)
  if (vlanId < 1 || vlanId > 4094)
    throw system(`vlan id must be between 1-4094, received: ${vlanId}`)
  return { device, vlanId }
}

async function add(native: ParentKernel, o: Parameters<Native['linkAdd']>[0]): Promise<void> {
  try {
    await native.linkAdd(o)
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    const reason = error.code === 'EOPNOTSUPP' ? 'operation not supported' : error.code
    throw o.kind === 'vlan'
      ? system(`failed to create ${o.name} vlan link: ${reason}`, error)
      : system(reason, error)
  }
}
