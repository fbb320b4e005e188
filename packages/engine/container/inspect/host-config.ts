import type { ContainerConfig, HostConfig } from '@tdocker/api'

/**
 * The host config as Docker prints it: every field, in its order, with Go's zero values. Clients
 * tell null from [] and absent from zero, so all three are as Docker has them.
 */
export function shownHostConfig(host: HostConfig): HostConfig {
  const list = <T>(value: T[] | undefined): T[] => value ?? (null as unknown as T[])
  const shown = {
    Binds: list(host.Binds),
    ContainerIDFile: host.ContainerIDFile ?? '',
    LogConfig: { Type: host.LogConfig?.Type ?? '', Config: host.LogConfig?.Config ?? {} },
    NetworkMode: host.NetworkMode ?? '',
    PortBindings: shownPorts(host.PortBindings),
    RestartPolicy: {
      Name: host.RestartPolicy?.Name ?? 'no',
      MaximumRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    AutoRemove: host.AutoRemove ?? false,
    VolumeDriver: host.VolumeDriver ?? '',
    VolumesFrom: list(host.VolumesFrom),
    ConsoleSize: [host.ConsoleSize?.[0] ?? 0, host.ConsoleSize?.[1] ?? 0],
    ...given('Annotations', host.Annotations),
    CapAdd: list(host.CapAdd),
    CapDrop: list(host.CapDrop),
    CgroupnsMode: host.CgroupnsMode ?? '',
    Dns: list(host.Dns),
    DnsOptions: list(host.DnsOptions),
    DnsSearch: list(host.DnsSearch),
    ExtraHosts: list(host.ExtraHosts),
    GroupAdd: list(host.GroupAdd),
    IpcMode: host.IpcMode ?? '',
    Cgroup: host.Cgroup ?? '',
    Links: list(host.Links),
    OomScoreAdj: host.OomScoreAdj ?? 0,
    PidMode: host.PidMode ?? '',
    Privileged: host.Privileged ?? false,
    PublishAllPorts: host.PublishAllPorts ?? false,
    ReadonlyRootfs: host.ReadonlyRootfs ?? false,
    SecurityOpt: list(host.SecurityOpt),
    ...given('StorageOpt', host.StorageOpt),
    ...given('Tmpfs', host.Tmpfs),
    UTSMode: host.UTSMode ?? '',
    UsernsMode: host.UsernsMode ?? '',
    ShmSize: host.ShmSize ?? 0,
    ...given('Sysctls', host.Sysctls),
    Runtime: host.Runtime ?? '',
    Isolation: host.Isolation ?? '',
    ...shownResources(host),
    ...(host.Mounts && host.Mounts.length > 0 ? { Mounts: host.Mounts } : {}),
    MaskedPaths: list(host.MaskedPaths),
    ReadonlyPaths: list(host.ReadonlyPaths),
    ...(host.Init === undefined ? {} : { Init: host.Init }),
  }
  return shown
}

/** Addresses and ports are never absent, only empty. */
function shownPorts(
  ports: HostConfig['PortBindings'] = {},
): NonNullable<HostConfig['PortBindings']> {
  return Object.fromEntries(
    Object.entries(ports).map(([port, bindings]) => [
      port,
      bindings.map(({ HostIp = '', HostPort = '' }) => ({ HostIp, HostPort })),
    ]),
  )
}

function shownResources(host: HostConfig): HostConfig {
  const list = <T>(value: T[] | undefined): T[] => value ?? (null as unknown as T[])
  const orNull = <T>(value: T | undefined): T => value ?? (null as unknown as T)
  return {
    CpuShares: host.CpuShares ?? 0,
    Memory: host.Memory ?? 0,
    NanoCpus: host.NanoCpus ?? 0,
    CgroupParent: host.CgroupParent ?? '',
    BlkioWeight: host.BlkioWeight ?? 0,
    BlkioWeightDevice: list(host.BlkioWeightDevice),
    BlkioDeviceReadBps: list(host.BlkioDeviceReadBps),
    BlkioDeviceWriteBps: list(host.BlkioDeviceWriteBps),
    BlkioDeviceReadIOps: list(host.BlkioDeviceReadIOps),
    BlkioDeviceWriteIOps: list(host.BlkioDeviceWriteIOps),
    CpuPeriod: host.CpuPeriod ?? 0,
    CpuQuota: host.CpuQuota ?? 0,
    CpuRealtimePeriod: host.CpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: host.CpuRealtimeRuntime ?? 0,
    CpusetCpus: host.CpusetCpus ?? '',
    CpusetMems: host.CpusetMems ?? '',
    Devices: list(host.Devices),
    DeviceCgroupRules: list(host.DeviceCgroupRules),
    DeviceRequests: list(host.DeviceRequests),
    MemoryReservation: host.MemoryReservation ?? 0,
    MemorySwap: host.MemorySwap ?? 0,
    MemorySwappiness: orNull(host.MemorySwappiness),
    OomKillDisable: orNull(host.OomKillDisable),
    PidsLimit: orNull(host.PidsLimit),
    Ulimits: list(host.Ulimits),
    CpuCount: host.CpuCount ?? 0,
    CpuPercent: host.CpuPercent ?? 0,
    IOMaximumIOps: host.IOMaximumIOps ?? 0,
    IOMaximumBandwidth: host.IOMaximumBandwidth ?? 0,
  }
}

/** The container's config, every field that Docker always prints. */
export function shownConfig(config: ContainerConfig): ContainerConfig {
  const orNull = <T>(value: T | undefined): T => value ?? (null as unknown as T)
  return {
    Hostname: config.Hostname ?? '',
    Domainname: config.Domainname ?? '',
    User: config.User ?? '',
    AttachStdin: config.AttachStdin ?? false,
    AttachStdout: config.AttachStdout ?? false,
    AttachStderr: config.AttachStderr ?? false,
    ...given('ExposedPorts', config.ExposedPorts),
    Tty: config.Tty ?? false,
    OpenStdin: config.OpenStdin ?? false,
    StdinOnce: config.StdinOnce ?? false,
    Env: config.Env?.length ? config.Env : orNull<string[]>(undefined),
    Cmd: orNull(config.Cmd),
    ...(config.Healthcheck ? { Healthcheck: config.Healthcheck } : {}),
    ...(config.ArgsEscaped ? { ArgsEscaped: true } : {}),
    Image: config.Image ?? '',
    Volumes: given('Volumes', config.Volumes).Volumes ?? orNull<Record<string, object>>(undefined),
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: orNull(config.Entrypoint),
    ...(config.NetworkDisabled ? { NetworkDisabled: true } : {}),
    ...(config.OnBuild?.length ? { OnBuild: config.OnBuild } : {}),
    Labels: config.Labels ?? {},
    ...(config.StopSignal ? { StopSignal: config.StopSignal } : {}),
    ...(config.StopTimeout === undefined ? {} : { StopTimeout: config.StopTimeout }),
    ...(config.Shell?.length ? { Shell: config.Shell } : {}),
  }
}

/** A map that Go leaves out when it is empty. */
function given<K extends string, V extends object>(key: K, value: V | undefined): { [P in K]?: V } {
  return value && Object.keys(value).length > 0 ? ({ [key]: value } as { [P in K]?: V }) : {}
}
