import { binarySize } from './units.ts'

/** What the page shows of `GET /info`; daemons differ in what they send. */
export interface SystemInfo extends Readonly<Record<string, unknown>> {
  readonly Containers?: number
  readonly DriverStatus?: ReadonlyArray<readonly [string, string]> | null
  readonly Plugins?: Readonly<Record<string, readonly string[] | null>>
  readonly CDISpecDirs?: readonly string[] | null
  readonly Swarm?: { readonly LocalNodeState?: string }
  readonly Runtimes?: Readonly<Record<string, unknown>> | null
  readonly SecurityOptions?: readonly string[] | null
  readonly MemTotal?: number
  readonly Debug?: boolean
  readonly Labels?: readonly string[] | null
  readonly RegistryConfig?: RegistryConfig | null
  readonly DefaultAddressPools?: ReadonlyArray<{
    readonly Base: string
    readonly Size: number
  }> | null
  readonly FirewallBackend?: Backend | null
  readonly Warnings?: readonly string[] | null
}

interface Backend {
  readonly Driver?: string
  readonly Info?: ReadonlyArray<readonly [string, string]> | null
}

interface RegistryConfig {
  readonly InsecureRegistryCIDRs?: readonly string[] | null
  readonly IndexConfigs?: Readonly<
    Record<string, { readonly Name: string; readonly Secure: boolean }>
  > | null
  readonly Mirrors?: readonly string[] | null
}

/** The "Server:" part of `info`, line by line, in Docker's order. */
export function infoLines(info: SystemInfo): string[] {
  return [
    ...counts(info),
    ...drivers(info),
    ...plugins(info),
    ...runtimes(info),
    ...security(info),
    ...host(info),
    ...debug(info),
    ...settings(info),
  ]
}

/** Numbers and switches are always shown, texts only where there are any. */
function always(label: string, value: unknown): string[] {
  return [` ${label}: ${String(value ?? '')}`]
}

function optional(label: string, value: unknown): string[] {
  return value === undefined || value === null || value === '' ? [] : always(label, value)
}

function block(label: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [` ${label}:`, ...items.map((item) => `  ${item}`)]
}

function pairs(list: ReadonlyArray<readonly [string, string]> | null | undefined): string[] {
  return (list ?? []).map(([key, value]) => `  ${key}: ${value}`)
}

function counts(info: SystemInfo): string[] {
  return [
    ...always('Containers', info.Containers ?? 0),
    ...always(' Running', info['ContainersRunning'] ?? 0),
    ...always(' Paused', info['ContainersPaused'] ?? 0),
    ...always(' Stopped', info['ContainersStopped'] ?? 0),
    ...always('Images', info['Images'] ?? 0),
  ]
}

function drivers(info: SystemInfo): string[] {
  return [
    ...optional('Server Version', info['ServerVersion']),
    ...optional('Storage Driver', info['Driver']),
    ...pairs(info.DriverStatus),
    ...optional('Logging Driver', info['LoggingDriver']),
    ...optional('Cgroup Driver', info['CgroupDriver']),
    ...optional('Cgroup Version', info['CgroupVersion']),
  ]
}

function plugins({ Plugins = {}, CDISpecDirs, Swarm }: SystemInfo): string[] {
  const list = (kind: string): string => (Plugins[kind] ?? []).join(' ')
  return [
    ' Plugins:',
    `  Volume: ${list('Volume')}`,
    `  Network: ${list('Network')}`,
    ...(list('Authorization') ? [`  Authorization: ${list('Authorization')}`] : []),
    `  Log: ${list('Log')}`,
    ...block('CDI spec directories', CDISpecDirs ?? []),
    ...always('Swarm', Swarm?.LocalNodeState ?? 'inactive'),
  ]
}

function runtimes(info: SystemInfo): string[] {
  const names = Object.keys(info.Runtimes ?? {})
  if (names.length === 0) return []
  return [
    ...always('Runtimes', names.join(' ')),
    ...always('Default Runtime', info['DefaultRuntime']),
  ]
}

function security(info: SystemInfo): string[] {
  if (info['OSType'] !== 'linux') return []
  const commit = (key: string): string => (info[key] as { ID?: string } | undefined)?.ID ?? ''
  const options = info.SecurityOptions ?? []
  return [
    ...always('Init Binary', info['InitBinary']),
    ...always('containerd version', commit('ContainerdCommit')),
    ...always('runc version', commit('RuncCommit')),
    ...always('init version', commit('InitCommit')),
    ...(options.length > 0 ? [' Security Options:', ...options.flatMap(securityOption)] : []),
  ]
}

/** `name=seccomp,profile=builtin` */
function securityOption(text: string): string[] {
  const fields = text.split(',').map((field) => field.split('='))
  const lines = fields
    .filter(([key]) => key === 'profile')
    .map(([, value]) => `   Profile: ${value}`)
  const name = fields.find(([key]) => key === 'name')?.[1] ?? text
  return [`  ${name}`, ...lines]
}

function host(info: SystemInfo): string[] {
  return [
    ...optional('Kernel Version', info['KernelVersion']),
    ...optional('Operating System', info['OperatingSystem']),
    ...optional('OSType', info['OSType']),
    ...optional('Architecture', info['Architecture']),
    ...always('CPUs', info['NCPU'] ?? 0),
    ...always('Total Memory', binarySize(info.MemTotal ?? 0)),
    ...optional('Name', info['Name']),
    ...optional('ID', info['ID']),
    ...always('Docker Root Dir', info['DockerRootDir']),
  ]
}

function debug(info: SystemInfo): string[] {
  const on = info.Debug === true
  return [
    ...always('Debug Mode', on),
    ...(on
      ? [
          ...always(' File Descriptors', info['NFd']),
          ...always(' Goroutines', info['NGoroutines']),
          ...always(' System Time', info['SystemTime']),
          ...always(' EventsListeners', info['NEventsListener']),
        ]
      : []),
  ]
}

function settings(info: SystemInfo): string[] {
  const { FirewallBackend: firewall } = info
  return [
    ...optional('HTTP Proxy', info['HttpProxy']),
    ...optional('HTTPS Proxy', info['HttpsProxy']),
    ...optional('No Proxy', info['NoProxy']),
    ...block('Labels', info.Labels ?? []),
    ...always('Experimental', info['ExperimentalBuild'] ?? false),
    ...registries(info.RegistryConfig ?? {}),
    ...always('Live Restore Enabled', info['LiveRestoreEnabled'] ?? false),
    ...optional('Product License', info['ProductLicense']),
    ...block(
      'Default Address Pools',
      (info.DefaultAddressPools ?? []).map(({ Base, Size }) => ` Base: ${Base}, Size: ${Size}`),
    ),
    ...(firewall ? [...always('Firewall Backend', firewall.Driver), ...pairs(firewall.Info)] : []),
  ]
}

function registries({ IndexConfigs, InsecureRegistryCIDRs, Mirrors }: RegistryConfig): string[] {
  const insecure = Object.values(IndexConfigs ?? {})
    .filter(({ Secure }) => !Secure)
    .map(({ Name }) => Name)
  return [
    ...block('Insecure Registries', [...insecure, ...(InsecureRegistryCIDRs ?? [])]),
    ...block('Registry Mirrors', Mirrors ?? []),
  ]
}
