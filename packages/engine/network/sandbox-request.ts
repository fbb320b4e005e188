import type { EndpointSettings } from '@tdocker/api'
import { invalidParameter } from '../base/errors.ts'
import type { SandboxRequest } from '../container/needs.ts'
import { checkExtraHost } from './hosts-file.ts'
import { DEFAULT_NETWORK } from './networks-config.ts'
import { exposedPorts, portRequests } from './port-request.ts'
import { driverOf } from './predefined.ts'

const MAC = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i

/** Docker's words for the default bridge; every other mode is a network's name or id. */
export function networkNameOf(mode: string): string {
  return mode === '' || mode === 'default' ? DEFAULT_NETWORK : mode
}

/** Throws invalidParameter with moby's sentences for what no start could serve. */
export function checkSandboxRequest(request: SandboxRequest): void {
  portRequests(request)
  exposedPorts(request)
  for (const entry of request.extraHosts) checkExtraHost(entry)
  checkMac(request.macAddress)
  const name = networkNameOf(request.mode)
  if (driverOf(name) === undefined) return
  for (const asked of Object.values(request.networking.EndpointsConfig ?? {})) {
    checkEndpoint(name, asked)
  }
}

/** What the predefined networks do not do. */
function checkEndpoint(network: string, asked: EndpointSettings | null): void {
  if (asked === null) return
  const problems: string[] = []
  if (asked.IPAMConfig?.IPv4Address || asked.IPAMConfig?.IPv6Address) {
    problems.push('user-specified IP address is supported on user-defined networks only')
  }
  if ((asked.Aliases ?? []).length > 0) {
    problems.push('network-scoped aliases are only supported for user-defined networks')
  }
  if (problems.length > 0) {
    throw invalidParameter(
      `invalid config for network ${network}: invalid endpoint settings:\n${problems.join('\n')}`,
    )
  }
  checkMac(asked.MacAddress ?? '')
}

function checkMac(mac: string): void {
  if (mac === '' || MAC.test(mac)) return
  throw invalidParameter(`invalid MAC address ${mac}`)
}

/** What the request says about its endpoint on the network called `name`. */
export function askedOf(request: SandboxRequest, name: string): EndpointSettings | undefined {
  const asked = request.networking.EndpointsConfig ?? {}
  return (
    asked[name] ?? asked[request.mode] ?? (name === DEFAULT_NETWORK ? asked['default'] : undefined)
  )
}
