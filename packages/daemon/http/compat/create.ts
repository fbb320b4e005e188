/**
 * A create request as clients of every version mean it: what an older version did not know is
 * ignored, what it said differently is moved to where it belongs now. Sentences are moby's.
 */
import type { ContainerCreateRequest, EndpointSettings, HostConfig, Mount } from '@tdocker/api'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { compareVersions, since } from '@tdocker/api/versions.ts'
import { macOf } from '../go-text.ts'
import { endpointOfMode, moveInterfaceSysctls } from './create-endpoint.ts'

export interface CreateRequest {
  body: ContainerCreateRequest
  warnings: string[]
  /** What an older version left to the daemon, and meant otherwise than today. */
  oldDefaults: { readOnlyNonRecursive: boolean; hostCgroupnsOnV1: boolean }
}

/** Owns `given` and changes it. */
export function createRequestOf(given: ContainerCreateRequest, version: string): CreateRequest {
  const { HostConfig: host = {}, NetworkingConfig: networking = {}, MacAddress, ...config } = given
  if (Object.keys(config).length === 0) {
    throw new InvalidRequest('config cannot be empty in order to create a container')
  }
  const endpoints = (networking.EndpointsConfig ??= {})
  const body: ContainerCreateRequest = {
    ...config,
    HostConfig: host,
    NetworkingConfig: networking,
  }
  resolveDefaultNetwork(host, endpoints)
  defaultsOf(host, version)
  forget(body, host, version)
  for (const mount of host.Mounts ?? []) checkMount(mount, version)
  checkEndpoints(endpoints, version)
  refuseCapabilities(host, version)
  const warnings = [
    volumeDriverWarning(host, version),
    moveMacAddress(macOf(MacAddress ?? '') ?? '', host, endpoints, version),
    moveInterfaceSysctls(host, endpoints, version),
    fillPortBindings(host, version),
  ].filter((warning) => warning !== '')
  const oldDefaults = {
    readOnlyNonRecursive: !since(version, 'recursiveReadOnly'),
    hostCgroupnsOnV1: !since(version, 'cgroupnsDefault'),
  }
  return { body, warnings, oldDefaults }
}

/** `default` is the word for the platform's own default network. */
function resolveDefaultNetwork(
  host: HostConfig,
  endpoints: Record<string, EndpointSettings>,
): void {
  if (host.NetworkMode && host.NetworkMode !== 'default') return
  host.NetworkMode = 'bridge'
  const settings = endpoints['default']
  if (!settings) return
  endpoints['bridge'] = settings
  delete endpoints['default']
}

function defaultsOf(host: HostConfig, version: string): void {
  if (!since(version, 'bindNonRecursive')) host.IpcMode ||= 'shareable'
  // 0 and every negative number mean: no limit.
  if (host.PidsLimit !== undefined && host.PidsLimit <= 0) delete host.PidsLimit
}

/** Takes away what the client's version did not know. */
function forget(body: ContainerCreateRequest, host: HostConfig, version: string): void {
  if (!since(version, 'consoleSize')) delete host.ConsoleSize
  if (!since(version, 'annotations')) delete host.Annotations
  if (!since(version, 'startInterval') && body.Healthcheck) delete body.Healthcheck.StartInterval
  for (const mount of host.Mounts ?? []) forgetInMount(mount, version)
}

function forgetInMount(mount: Mount, version: string): void {
  if (!since(version, 'bindNonRecursive')) delete mount.BindOptions?.NonRecursive
  if (!since(version, 'mountOptionsChecked')) {
    delete mount.BindOptions?.CreateMountpoint
    if (mount.Type !== 'volume') delete mount.VolumeOptions
    if (mount.Type !== 'tmpfs') delete mount.TmpfsOptions
  }
  const forced = mount.Type === 'bind' && mount.BindOptions?.ReadOnlyForceRecursive
  if (!since(version, 'recursiveReadOnly') && forced) {
    throw new InvalidRequest('BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer')
  }
}

function checkMount(mount: Mount, version: string): void {
  const type = JSON.stringify(mount.Type ?? '')
  if (since(version, 'mountOptionsChecked')) {
    for (const [key, owner] of optionOwners) {
      if (mount[key] && mount.Type !== owner) {
        throw new InvalidRequest(`${key} must not be specified on mount type ${type}`)
      }
    }
  }
  if (!since(version, 'volumeSubpath') && mount.VolumeOptions?.Subpath) {
    throw new InvalidRequest('VolumeOptions.Subpath needs API v1.45 or newer')
  }
  if (!since(version, 'imageMount') && mount.Type === 'image') {
    throw new InvalidRequest('Mount type "Image" needs API v1.48 or newer')
  }
}

const optionOwners = [
  ['VolumeOptions', 'volume'],
  ['BindOptions', 'bind'],
  ['TmpfsOptions', 'tmpfs'],
] as const

function checkEndpoints(endpoints: Record<string, EndpointSettings>, version: string): void {
  const names = Object.keys(endpoints)
  if (!since(version, 'severalNetworks') && names.length > 1) {
    throw new InvalidRequest(
      `Container cannot be created with multiple network endpoints: ${names.join(', ')}`,
    )
  }
  if (since(version, 'gwPriority')) return
  for (const endpoint of Object.values(endpoints)) delete endpoint.GwPriority
}

function refuseCapabilities(host: HostConfig, version: string): void {
  const { Capabilities } = host
  delete host.Capabilities
  if (!Capabilities?.length || compareVersions(version, '1.40') !== 0) return
  throw new InvalidRequest(
    'the HostConfig.Capabilities field is not supported by this daemon; use CapAdd and CapDrop to set capabilities',
  )
}

function volumeDriverWarning(host: HostConfig, version: string): string {
  if (!host.VolumeDriver || !since(version, 'gwPriority')) return ''
  const ignored = host.Mounts?.some(
    (m) => m.Type === 'volume' && !m.VolumeOptions?.DriverConfig?.Name,
  )
  if (!ignored) return ''
  return "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead"
}

/** The container-wide MAC address became the main endpoint's. Answers a warning or nothing. */
function moveMacAddress(
  mac: string,
  host: HostConfig,
  endpoints: Record<string, EndpointSettings>,
  version: string,
): string {
  const mode = host.NetworkMode ?? ''
  if (!since(version, 'endpointMacAddress')) {
    if (mac === '') {
      for (const endpoint of Object.values(endpoints)) delete endpoint.MacAddress
      return ''
    }
    if (!hasOwnNetwork(mode)) {
      throw new InvalidRequest('conflicting options: mac-address and the network mode')
    }
    endpointOfMode(mode, endpoints, version).MacAddress = mac
    return ''
  }
  if (mac === '') return ''
  if (since(version, 'noLegacyFields')) return ''
  if (hasOwnNetwork(mode)) {
    const endpoint = mainEndpoint(mode, endpoints, version)
    if (endpoint.MacAddress && endpoint.MacAddress !== mac) {
      throw new InvalidRequest(
        'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
      )
    }
    endpoint.MacAddress = mac
  }
  return 'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.'
}

function mainEndpoint(
  mode: string,
  endpoints: Record<string, EndpointSettings>,
  version: string,
): EndpointSettings {
  try {
    return endpointOfMode(mode, endpoints, version)
  } catch (error) {
    throw new InvalidRequest(
      `unable to migrate container-wide MAC address to a specific network: ${(error as Error).message}`,
    )
  }
}

function hasOwnNetwork(mode: string): boolean {
  return mode !== 'host' && mode !== 'none' && !mode.startsWith('container:')
}

/** An empty list of bindings means any address and a port of the daemon's choice. */
function fillPortBindings(host: HostConfig, version: string): string {
  const empty: string[] = []
  for (const [port, bindings] of Object.entries(host.PortBindings ?? {})) {
    if (bindings.length > 0) continue
    bindings.push({})
    if (since(version, 'noLegacyFields')) empty.push(port)
  }
  if (empty.length === 0) return ''
  return `Following container port(s) have an empty list of port-bindings: ${empty.join(', ')}. Such bindings will be discarded in a future version.`
}
