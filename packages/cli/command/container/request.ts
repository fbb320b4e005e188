import { readFileSync } from 'node:fs'
import type {
  ContainerConfig,
  DeviceMapping,
  EndpointSettings,
  HostConfig,
  NetworkingConfig,
} from '@tdocker/api'
import { quote } from '../../flag/scalar.ts'
import { compactJson } from '../../format/json.ts'
import { isCdiName, parseDevice } from '../../flag/spec/device.ts'
import { goPathError, readKeyValueFile, toMap } from '../../flag/spec/environment.ts'
import { isMac } from '../../flag/spec/host.ts'
import { parseRestartPolicy } from '../../flag/spec/limits.ts'
import { parseExposed, parsePublished } from '../../flag/spec/port.ts'
import { parseVolumes } from '../../flag/spec/volume.ts'
import { attachmentsOf, networkMode } from './network-request.ts'
import type { ContainerFlags } from './options.ts'

/** Body of `POST /containers/create`, in its three parts. */
export interface CreateRequest {
  readonly config: ContainerConfig
  readonly hostConfig: HostConfig
  readonly networkingConfig: NetworkingConfig
}

/**
 * Turns flags into the create request. What only the daemon can judge is left to it; refusals made
 * here are docker's sentences.
 */
export function createRequest(
  flags: ContainerFlags,
  image: string,
  command: readonly string[],
  environment: readonly string[],
): CreateRequest {
  checkModes(flags)
  const attach = flags.process.attach.value
  const hostConfig = buildHostConfig(flags)
  if (hostConfig.AutoRemove && !['', 'no', undefined].includes(hostConfig.RestartPolicy?.Name)) {
    throw new Error('conflicting options: cannot specify both --restart and --rm')
  }
  const config = buildConfig(flags, image, command, environment)
  config.AttachStdin = attach.includes('stdin') || flags.process.interactive.value
  config.AttachStdout = attach.length === 0 || attach.includes('stdout')
  config.AttachStderr = attach.length === 0 || attach.includes('stderr')
  // Attached stdin ends the process's stdin when this client goes away.
  config.StdinOnce = config.OpenStdin === true && config.AttachStdin
  return {
    config,
    hostConfig,
    networkingConfig: { EndpointsConfig: endpoints(flags) },
  }
}

function endpoints(flags: ContainerFlags): Record<string, EndpointSettings> {
  return attachmentsOf(flags.network)
}

function checkModes(flags: ContainerFlags): void {
  const { security, resources, network } = flags
  if (network.macAddress.value !== '' && !isMac(network.macAddress.value)) {
    throw new Error(`${network.macAddress.value} is not a valid mac address`)
  }
  const swappiness = resources.memorySwappiness.value
  if (swappiness < -1 || swappiness > 100) {
    throw new Error(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`)
  }
  if (!/^(|host|container:.+)$/.test(security.pid.value)) throw new Error('--pid: invalid PID mode')
  if (!/^(|host)$/.test(security.uts.value)) throw new Error('--uts: invalid UTS mode')
  if (!/^(|host)$/.test(security.userns.value)) throw new Error('--userns: invalid USER mode')
  if (!/^(|host|private)$/.test(security.cgroupns.value)) {
    throw new Error('--cgroupns: invalid CGROUP mode')
  }
}

function buildConfig(
  flags: ContainerFlags,
  image: string,
  command: readonly string[],
  environment: readonly string[],
): ContainerConfig {
  const { process, network, storage } = flags
  const published = parsePublished(network.publish.value)
  const exposed = network.expose.value.flatMap(parseExposed)
  const health = healthcheck(flags)
  const { anonymous } = parseVolumes(storage.volume.value)
  return {
    Hostname: process.hostname.value,
    Domainname: process.domainname.value,
    User: process.user.value,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ExposedPorts: keySet([...Object.keys(published), ...exposed]),
    Tty: process.tty.value,
    OpenStdin: process.interactive.value,
    StdinOnce: false,
    Env: [...environment],
    ...(command.length > 0 ? { Cmd: [...command] } : {}),
    Image: image,
    Volumes: keySet(anonymous),
    WorkingDir: process.workdir.value,
    ...entrypoint(flags),
    Labels: labels(flags),
    ...(health ? { Healthcheck: health } : {}),
    ...(process.stopSignal.value ? { StopSignal: process.stopSignal.value } : {}),
    ...(process.stopTimeout.changed ? { StopTimeout: process.stopTimeout.value } : {}),
  }
}

function keySet(keys: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(keys.map((key) => [key, {}]))
}

/** `--entrypoint ''` resets the image's; the API says so by an empty word. */
function entrypoint(flags: ContainerFlags): Pick<ContainerConfig, 'Entrypoint'> {
  const flag = flags.process.entrypoint
  return flag.changed ? { Entrypoint: [flag.value] } : {}
}

function labels(flags: ContainerFlags): Record<string, string> {
  const { label, labelFile } = flags.metadata
  return toMap([...labelFile.value.flatMap((path) => readKeyValueFile(path)), ...label.value])
}

/** `--env-file` lines first, `-e` values over them. */
export function environmentOf(
  files: readonly string[],
  values: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  return [...files.flatMap((path) => readKeyValueFile(path, (name) => env[name])), ...values]
}

function healthcheck(flags: ContainerFlags): ContainerConfig['Healthcheck'] {
  const { cmd, interval, timeout, startPeriod, startInterval, retries, none } = flags.health
  const numbers = {
    interval,
    timeout,
    retries,
    'start-period': startPeriod,
    'start-interval': startInterval,
  }
  const some = cmd.value !== '' || Object.values(numbers).some((flag) => flag.value !== 0)
  if (none.value) {
    if (some) throw new Error('--no-healthcheck conflicts with --health-* options')
    return { Test: ['NONE'] }
  }
  if (!some) return undefined
  for (const [name, flag] of Object.entries(numbers)) {
    if (flag.value < 0) throw new Error(`--health-${name} cannot be negative`)
  }
  return {
    ...(cmd.value ? { Test: ['CMD-SHELL', cmd.value] } : {}),
    Interval: interval.value,
    Timeout: timeout.value,
    StartPeriod: startPeriod.value,
    StartInterval: startInterval.value,
    Retries: retries.value,
  }
}

function buildHostConfig(flags: ContainerFlags): HostConfig {
  const { process, metadata, security, network, storage } = flags
  const { options, unconfined } = securityOptions(security.securityOpt.value)
  const { binds } = parseVolumes(storage.volume.value)
  return {
    ...resources(flags),
    ...withoutEmpty({
      VolumesFrom: storage.volumesFrom.value,
      CapAdd: capabilities(security.capAdd.value),
      CapDrop: capabilities(security.capDrop.value),
      ExtraHosts: network.addHost.value,
      GroupAdd: process.groupAdd.value,
      Links: network.link.value,
      SecurityOpt: options,
    }),
    Binds: binds,
    ContainerIDFile: metadata.cidfile.value,
    LogConfig: { Type: metadata.logDriver.value, Config: logOptions(flags) },
    NetworkMode: networkMode(network),
    PortBindings: parsePublished(network.publish.value),
    RestartPolicy: parseRestartPolicy(metadata.restart.value),
    AutoRemove: metadata.rm.value,
    VolumeDriver: storage.volumeDriver.value,
    Mounts: [...storage.mount.value],
    Annotations: { ...metadata.annotation.value },
    CgroupnsMode: security.cgroupns.value,
    Dns: [...network.dns.value],
    DnsOptions: [...network.dnsOption.value],
    DnsSearch: [...network.dnsSearch.value],
    IpcMode: security.ipc.value,
    OomScoreAdj: flags.resources.oomScoreAdj.value,
    PidMode: security.pid.value,
    Privileged: security.privileged.value,
    PublishAllPorts: network.publishAll.value,
    ReadonlyRootfs: security.readOnly.value,
    StorageOpt: storageOptions(storage.storageOpt.value),
    Tmpfs: tmpfs(storage.tmpfs.value),
    UTSMode: security.uts.value,
    UsernsMode: security.userns.value,
    ShmSize: storage.shmSize.value,
    Sysctls: { ...security.sysctl.value },
    Runtime: metadata.runtime.value,
    Isolation: metadata.isolation.value,
    ...(process.init.changed ? { Init: process.init.value } : {}),
    ...(unconfined ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
  }
}

function resources(flags: ContainerFlags): HostConfig {
  const { resources: r } = flags
  const { devices, cdi } = splitDevices(r.device.value)
  const requests = [...r.gpus.value, ...(cdi.length > 0 ? [{ Driver: 'cdi', DeviceIDs: cdi }] : [])]
  return {
    ...withoutEmpty({ DeviceCgroupRules: r.deviceCgroupRule.value, DeviceRequests: requests }),
    BlkioWeight: r.blkioWeight.value,
    BlkioWeightDevice: [...r.blkioWeightDevice.value],
    BlkioDeviceReadBps: [...r.deviceReadBps.value],
    BlkioDeviceWriteBps: [...r.deviceWriteBps.value],
    BlkioDeviceReadIOps: [...r.deviceReadIops.value],
    BlkioDeviceWriteIOps: [...r.deviceWriteIops.value],
    CgroupParent: r.cgroupParent.value,
    CpuCount: r.cpuCount.value,
    CpuPercent: r.cpuPercent.value,
    CpuPeriod: r.cpuPeriod.value,
    CpuQuota: r.cpuQuota.value,
    CpuRealtimePeriod: r.cpuRtPeriod.value,
    CpuRealtimeRuntime: r.cpuRtRuntime.value,
    CpuShares: r.cpuShares.value,
    CpusetCpus: r.cpusetCpus.value,
    CpusetMems: r.cpusetMems.value,
    Devices: devices,
    IOMaximumBandwidth: r.ioMaxBandwidth.value,
    IOMaximumIOps: r.ioMaxIops.value,
    Memory: r.memory.value,
    MemoryReservation: r.memoryReservation.value,
    MemorySwap: r.memorySwap.value,
    MemorySwappiness: r.memorySwappiness.value,
    NanoCpus: r.cpus.value,
    OomKillDisable: r.oomKillDisable.value,
    PidsLimit: r.pidsLimit.value,
    Ulimits: [...r.ulimit.value].sort((a, b) => ((a.Name ?? '') < (b.Name ?? '') ? -1 : 1)),
  }
}

/** Lists of which docker sends none rather than an empty one: `inspect` shows the difference. */
function withoutEmpty<T extends Record<string, readonly unknown[]>>(
  lists: T,
): { [Name in keyof T]?: Array<T[Name][number]> } {
  const filled = Object.entries(lists).filter(([, list]) => list.length > 0)
  return Object.fromEntries(filled) as { [Name in keyof T]?: Array<T[Name][number]> }
}

function splitDevices(specs: readonly string[]): { devices: DeviceMapping[]; cdi: string[] } {
  return {
    devices: specs.filter((spec) => !isCdiName(spec)).map(parseDevice),
    cdi: specs.filter(isCdiName),
  }
}

/** `net_admin` → `CAP_NET_ADMIN`; `ALL` stays. */
function capabilities(names: readonly string[]): string[] {
  const full = names.map((name) => {
    const upper = name.trim().toUpperCase()
    return upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  })
  return [...new Set(full)].sort()
}

function tmpfs(specs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    specs.map((spec) => {
      const colon = spec.indexOf(':')
      return colon < 0 ? [spec, ''] : [spec.slice(0, colon), spec.slice(colon + 1)]
    }),
  )
}

function logOptions(flags: ContainerFlags): Record<string, string> {
  const { logDriver, logOpt } = flags.metadata
  if (logDriver.value === 'none' && logOpt.value.length > 0) {
    throw new Error('invalid logging opts for driver none')
  }
  return toMap(logOpt.value)
}

function storageOptions(specs: readonly string[]): Record<string, string> {
  if (specs.some((spec) => !spec.includes('='))) throw new Error('invalid storage option')
  return toMap(specs)
}

/**
 * Seccomp profiles are files of the client: their text is sent. `systempaths=unconfined` is not an
 * option of the daemon's but means "mask nothing".
 */
function securityOptions(specs: readonly string[]): { options: string[]; unconfined: boolean } {
  const options = specs.map(securityOption)
  return {
    options: options.filter((option) => option !== 'systempaths=unconfined'),
    unconfined: options.includes('systempaths=unconfined'),
  }
}

function securityOption(spec: string): string {
  if (spec === 'no-new-privileges') return spec
  const [, key, value] = /^([^=]*)=(.*)$/s.exec(spec) ?? /^([^:]*):(.*)$/s.exec(spec) ?? []
  if (key !== 'no-new-privileges' && !value) {
    throw new Error(`Invalid --security-opt: ${quote(spec)}`)
  }
  if (key !== 'seccomp' || value === 'unconfined' || value === 'builtin') return spec
  return `seccomp=${readProfile(value as string)}`
}

function readProfile(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`opening seccomp profile (${path}) failed: ${goPathError('open', path, error)}`)
  }
  try {
    JSON.parse(text)
  } catch (error) {
    throw new Error(
      `compacting json for seccomp profile (${path}) failed: ${jsonProblem(error as Error)}`,
    )
  }
  return compactJson(text)
}

/** Go's words where the text breaks off; else those of our own parser. */
function jsonProblem({ message }: Error): string {
  const ends = /end of JSON|EOF|Unterminated|Expected '[}\]]'/.test(message)
  return ends ? 'unexpected end of JSON input' : message
}
