/** Answers about the system as older clients expect them. */
import type { EventMessage, Runtime, SystemInfo } from '@tdocker/api'
import { since } from '@tdocker/api/versions.ts'

export function infoFor(info: SystemInfo, version: string): SystemInfo {
  const told: SystemInfo = { ...info }
  if (!since(version, 'runtimeStatus')) {
    told.Runtimes = Object.fromEntries(
      Object.entries(info.Runtimes).map(([name, runtime]) => [name, withoutStatus(runtime)]),
    )
  }
  if (!since(version, 'containerdInfo')) delete told.Containerd
  if (!since(version, 'noNondistributable')) {
    told.RegistryConfig = {
      ...info.RegistryConfig,
      AllowNondistributableArtifactsCIDRs: null,
      AllowNondistributableArtifactsHostnames: null,
    }
  }
  if (!since(version, 'firewallBackend')) delete told.FirewallBackend
  if (!since(version, 'noExpectedCommit')) {
    for (const key of ['ContainerdCommit', 'RuncCommit', 'InitCommit'] as const) {
      told[key] = { ...info[key], Expected: info[key].ID }
    }
  }
  if (!since(version, 'discoveredDevices')) {
    delete told.DiscoveredDevices
    told.BridgeNfIptables = false
    told.BridgeNfIp6tables = false
  }
  if (!since(version, 'nri')) delete told.NRI
  return told
}

function withoutStatus(runtime: Runtime): Runtime {
  const told = { ...runtime }
  delete told.status
  return told
}

/** Undefined where the client is too old for the event. */
export function eventFor(event: EventMessage, version: string): EventMessage | undefined {
  if (event.Type === 'image' && event.Action === 'create' && !since(version, 'imageCreateEvent')) {
    return undefined
  }
  if (since(version, 'noLegacyFields')) return event
  if (event.Type !== 'container' && event.Type !== 'image') return event
  const from = event.Type === 'container' ? { from: event.Actor.Attributes['image'] ?? '' } : {}
  return { status: event.Action, id: event.Actor.ID, ...from, ...event }
}
