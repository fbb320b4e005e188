import type { Native } from '@tdocker/kernel'
import { formatAddress, parsePrefix } from './address.ts'
import { isCarried, isRouted, type PortElement } from './firewall-rules.ts'
import { ANY_ADDRESS, ANY_ADDRESS6 } from './host-ports.ts'

/**
 * Makes connection tracking forget UDP flows to published ports. A flow that was tracked before its
 * port was published, or went to an earlier owner, would pass the map by for as long as its sender
 * keeps it alive.
 */
export async function forgetUdpFlows(
  native: Pick<Native, 'addressList' | 'conntrackDelete'>,
  ports: readonly PortElement[],
): Promise<void> {
  const udp = ports.filter((port) => port.protocol === 'udp' && !isCarried(port) && !isRouted(port))
  if (udp.length === 0) return
  const own = (await native.addressList({}))
    .map(({ address }) => parsePrefix(address))
    .filter((prefix) => prefix !== undefined)
    .map((prefix) => formatAddress(prefix.address))
  for (const { hostAddress, hostPort } of udp) {
    // Only flows to the host itself: others to the same port number are none of ours.
    for (const address of addressesOf(hostAddress, own)) {
      await native.conntrackDelete({ protocol: 'udp', port: hostPort, address })
    }
  }
}

function addressesOf(hostAddress: string, own: readonly string[]): readonly string[] {
  if (hostAddress === ANY_ADDRESS) return own.filter((address) => !address.includes(':'))
  if (hostAddress === ANY_ADDRESS6) return own.filter((address) => address.includes(':'))
  return [hostAddress]
}
