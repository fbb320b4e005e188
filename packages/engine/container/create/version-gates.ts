import type { ContainerCreateRequest, EndpointSettings, HostConfig } from '@tdocker/api'
import { invalidParameter } from '../../base/errors.ts'

/** `a < b` for API versions like '1.44'. */
export function olderThan(version: string, bound: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [boundMajor = 0, boundMinor = 0] = bound.split('.').map(Number)
  return major < boundMajor || (major === boundMajor && minor < boundMinor)
}

/**
 * Makes a request of an older API version mean what it meant then; refuses what a version cannot
 * say. Works on a copy of the caller's. Answers warnings.
 */
export function applyVersionGates(body: ContainerCreateRequest, version: string): string[] {
  const host = (body.HostConfig ??= {})
  const before = (bound: string): boolean => olderThan(version, bound)
  if (before('1.40')) {
    for (const mount of host.Mounts ?? []) delete mount.BindOptions?.NonRecursive
    host.IpcMode ||= 'shareable'
  }
  if (before('1.42')) gateMountOptions(host)
  if (before('1.43')) delete host.Annotations
  if (before('1.44')) gate144(body, host)
  if (before('1.45') && host.Mounts?.some((mount) => mount.VolumeOptions?.Subpath))
    throw invalidParameter('VolumeOptions.Subpath needs API v1.45 or newer')
  if (before('1.48')) {
    for (const endpoint of Object.values(body.NetworkingConfig?.EndpointsConfig ?? {}))
      delete endpoint.GwPriority
    if (host.Mounts?.some((mount) => mount.Type === 'image'))
      throw invalidParameter('Mount type "Image" needs API v1.48 or newer')
  }
  const warnings = before('1.52') ? moveMacAddress(body, version) : []
  delete body.MacAddress
  return [...warnings, ...volumeDriverWarning(host, version)]
}

function gateMountOptions(host: HostConfig): void {
  for (const mount of host.Mounts ?? []) {
    delete mount.BindOptions?.CreateMountpoint
    if (mount.Type !== 'volume') delete mount.VolumeOptions
    if (mount.Type !== 'tmpfs') delete mount.TmpfsOptions
  }
  delete host.ConsoleSize
}

function gate144(body: ContainerCreateRequest, host: HostConfig): void {
  delete body.Healthcheck?.StartInterval
  for (const mount of host.Mounts ?? []) {
    if (mount.Type !== 'bind') continue
    if (mount.BindOptions?.ReadOnlyForceRecursive)
      throw invalidParameter('BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer')
    // Read-only mounts were not recursive before.
    if (mount.ReadOnly) mount.BindOptions = { ...mount.BindOptions, ReadOnlyNonRecursive: true }
  }
  const names = Object.keys(body.NetworkingConfig?.EndpointsConfig ?? {})
  if (names.length > 1)
    throw invalidParameter(
      `Container cannot be created with multiple network endpoints: ${names.join(', ')}`,
    )
}

/** The container-wide MAC address belongs to the endpoint of the container's own network. */
function moveMacAddress(body: ContainerCreateRequest, version: string): string[] {
  const endpoints = body.NetworkingConfig?.EndpointsConfig ?? {}
  const old = olderThan(version, '1.44')
  if (!body.MacAddress) {
    if (old) for (const endpoint of Object.values(endpoints)) delete endpoint.MacAddress
    return []
  }
  const mode = body.HostConfig?.NetworkMode || 'default'
  if (mode === 'none' || mode === 'host' || mode.startsWith('container:'))
    throw invalidParameter('conflicting options: mac-address and the network mode')
  const name = mode === 'default' ? 'bridge' : mode
  const endpoint: EndpointSettings = (endpoints[name] ??= {})
  if (!old && endpoint.MacAddress && endpoint.MacAddress !== body.MacAddress)
    throw invalidParameter(
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
    )
  endpoint.MacAddress = body.MacAddress
  body.NetworkingConfig = { ...body.NetworkingConfig, EndpointsConfig: endpoints }
  if (old) return []
  return [
    'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.',
  ]
}

function volumeDriverWarning(host: HostConfig, version: string): string[] {
  if (!host.VolumeDriver || olderThan(version, '1.48')) return []
  const ambiguous = host.Mounts?.some(
    (mount) => mount.Type === 'volume' && !mount.VolumeOptions?.DriverConfig?.Name,
  )
  if (!ambiguous) return []
  return [
    "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead",
  ]
}
