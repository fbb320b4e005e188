import type { ContainerConfig, HostConfig } from '@tdocker/api'
import type { CgroupDriver } from '@tdocker/kernel/cgroup/driver.ts'
import { invalidParameter } from '../../base/errors.ts'
import type { ContainersConfig } from '../containers-config.ts'
import { joinedContainer } from '../container.ts'
import { defaultMaskedPaths, defaultReadonlyPaths } from '../plan/create-plan.ts'
import type { HostFacts } from '../plan/plan-input.ts'
import type { Registry } from '../registry.ts'
import { portKey } from './ports.ts'

/** Fills in Docker's defaults, as stored and shown by `inspect`. Throws invalidParameter. */
export function applyDefaults(
  host: HostConfig,
  o: { config: ContainersConfig; cgroups: Pick<CgroupDriver, 'version' | 'features'> },
): void {
  host.NetworkMode = networkMode(host.NetworkMode)
  host.RestartPolicy = {
    Name: host.RestartPolicy?.Name || 'no',
    MaximumRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
  }
  host.PortBindings = Object.fromEntries(
    Object.entries(host.PortBindings ?? {}).map(([key, bindings]) => [portKey(key), bindings]),
  )
  if ((host.Memory ?? 0) > 0 && !host.MemorySwap) host.MemorySwap = host.Memory! * 2
  host.ShmSize ||= o.config.shmSize
  host.IpcMode ||= o.config.ipcMode
  host.CgroupnsMode ||= defaultCgroupns(host, o)
  if (o.cgroups.features.oomKillDisable) host.OomKillDisable ??= false
}

function networkMode(mode: string | undefined): string {
  return mode === undefined || mode === '' || mode === 'default' ? 'bridge' : mode
}

/**
 * Name of the runtime, the default where none is given. Docker takes every `a.b` for a shim of
 * containerd's and finds out at start; here there is one runtime under several names.
 */
export function runtimeOf(name: string | undefined, config: ContainersConfig): string {
  const runtime = name || config.defaultRuntime
  if (!config.runtimes.includes(runtime) && !/^[^./][^/]*\.[^/]*$/.test(runtime))
    throw invalidParameter(`unknown or invalid runtime name: ${runtime}`)
  return runtime
}

/** On cgroup v1 the namespace shows the host's tree by default, on v2 its own; so does Docker. */
function defaultCgroupns(
  host: HostConfig,
  o: { config: ContainersConfig; cgroups: Pick<CgroupDriver, 'version'> },
): string {
  if (host.Privileged && o.cgroups.version === 1) return 'host'
  return o.config.cgroupnsMode ?? (o.cgroups.version === 2 ? 'private' : 'host')
}

/** Masked and read-only paths, unless given or privileged. */
export function setDefaultPaths(host: HostConfig, facts: HostFacts): void {
  const unconfined = host.SecurityOpt?.some((option) => option === 'systempaths=unconfined')
  if (unconfined) {
    host.MaskedPaths ??= []
    host.ReadonlyPaths ??= []
  }
  if (host.Privileged) return
  host.MaskedPaths ??= defaultMaskedPaths(host, facts)
  host.ReadonlyPaths ??= defaultReadonlyPaths(host)
}

/** `container:name` → `container:ID`, so that a rename of the other does not break the tie. */
export function pinJoinedContainers(host: HostConfig, registry: Registry): void {
  for (const key of ['NetworkMode', 'IpcMode', 'PidMode'] as const) {
    const reference = joinedContainer(host[key])
    if (reference === undefined || reference === '') continue
    try {
      host[key] = `container:${registry.get(reference).id}`
    } catch (error) {
      // A network's container may come later: start decides.
      if (key === 'NetworkMode') continue
      throw invalidParameter((error as Error).message, error)
    }
  }
}

/** Who shares the host's processes or IPC cannot be labelled apart; Docker writes it down so. */
export function disableLabels(host: HostConfig): void {
  const options = host.SecurityOpt ?? []
  if (options.some((option) => option.split('=')[0] === 'label')) return
  if (host.IpcMode === 'host' || host.PidMode === 'host' || host.Privileged)
    host.SecurityOpt = [...options, 'label=disable']
}

/** Docker's hostname: the user's, the host's in its namespace, else the short id. */
export function defaultHostname(
  config: ContainerConfig,
  host: HostConfig,
  id: string,
  machineName: string,
): string {
  if (config.Hostname) return config.Hostname
  return host.NetworkMode === 'host' ? machineName : id.slice(0, 12)
}
