/** From flags, environment and daemon.json to one Config: pure, so that every rule has a test. */
import { join } from 'node:path'
import { compareVersions, maxVersion, minVersion } from '@tdocker/api/versions.ts'
import type { EngineConfig } from '@tdocker/engine/config.ts'
import { mirrorText, parseMirror } from '@tdocker/engine/registry/mirror.ts'
import { builderWarnings, cacheCollection, historyLimits } from './builder.ts'
import { ConfigError, type Settings, type Ulimit } from './flags.ts'
import { parseHost, type Host } from './hosts.ts'
import { networkOptions } from './network.ts'
import { nameOf, options } from './options.ts'

export interface Config {
  engine: EngineConfig
  hosts: Host[]
  /** Undefined: plain TCP. */
  tls: TlsFiles | undefined
  /** Plain TCP was asked for in so many words. */
  plainTcp: boolean
  /** Group of the UNIX sockets; `docker` need not exist, any other must. */
  group: string
  groupGiven: boolean
  pidfile: string
  logLevel: string
  logFormat: 'text' | 'json'
  experimental: boolean
  /** Oldest API version served. */
  minimumVersion: string
  /** Proxies that daemon.json or flags set, by the environment variable they stand for. */
  proxies: Readonly<Record<string, string>>
  /** Sentences for the log. */
  warnings: string[]
}

export interface TlsFiles {
  cert: string
  key: string
  /** Clients must show a certificate of this CA. */
  ca: string | undefined
}

/** What of the machine and its environment has a say. */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>
  /** For sockets and exit records: a directory on tmpfs. */
  runtimeDirectory: string
  home: string
}

/** Throws ConfigError. `settings` of the file and the flags do not overlap (`parseFile`). */
export function resolveConfig(flags: Settings, file: Settings, around: Surroundings): Config {
  const of = new Reader(new Map([...file, ...flags]))
  const tls = tlsOf(of, around)
  const plainTcp = of.value<boolean>('tls') === false
  const labels = labelsOf(of.list('labels'))
  const hosts = of.list('hosts').filter((host) => host.trim() !== '')
  const listeners = (hosts.length > 0 ? hosts : [tls ? 'tcp://' : 'unix://']).map((host) =>
    parseHost(host, tls !== undefined),
  )
  const experimental = of.flag('experimental', false)
  const minimumVersion = minimumOf(of, around)
  return {
    engine: {
      ...engineOf(of, labels, around),
      experimental,
      minApiVersion: minimumVersion,
      exposedAddresses: listeners.flatMap((host) => exposed(host, tls)),
    },
    hosts: listeners,
    tls,
    plainTcp,
    group: of.text('group', 'docker'),
    groupGiven: of.value('group') !== undefined,
    pidfile: of.text('pidfile', '/run/tdocker.pid'),
    logLevel: of.oneOf('log-level', 'info', logLevels, 'invalid logging level'),
    logFormat: of.oneOf('log-format', 'text', ['text', 'json'], 'invalid log format') as 'text',
    experimental,
    minimumVersion,
    proxies: proxiesOf(of),
    warnings: [...unserved(of), ...builderWarnings(of.value('builder'))],
  }
}

const logLevels = ['panic', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']
const defaultBridge = 'tdocker0'

function engineOf(
  of: Reader,
  labels: string[],
  around: Surroundings,
): Omit<EngineConfig, 'experimental' | 'minApiVersion' | 'exposedAddresses'> {
  const bridge = of.text('bridge', defaultBridge)
  const bip = of.value<string>('bip')
  const mtu = of.natural('mtu', 0, 'invalid default MTU')
  if (bip !== undefined && of.value('bridge') === 'none') {
    throw new ConfigError("bip can't be used with --bridge=none")
  }
  return {
    dataRoot: of.path('data-root', '/var/lib/tdocker'),
    execRoot: of.path('exec-root', around.runtimeDirectory),
    bridge,
    ...(bip !== undefined && { bip }),
    ...(mtu > 0 && { mtu }),
    network: networkOptions(of),
    cgroupParent: of.text('cgroup-parent', '/tdocker'),
    // Two engines on one machine differ in their bridges; their tables must, too.
    nftTable: of.text(
      'nft-table',
      bridge === defaultBridge ? 'tdocker' : `tdocker_${word(bridge)}`,
    ),
    pluginDirectories: pluginDirectories(of.text('plugin-root', '/')),
    registryMirrors: of.list('registry-mirrors').map(mirrorOf),
    insecureRegistries: of.list('insecure-registries'),
    maxConcurrentDownloads: of.natural(
      'max-concurrent-downloads',
      3,
      'invalid max concurrent downloads',
    ),
    maxConcurrentUploads: of.natural('max-concurrent-uploads', 5, 'invalid max concurrent uploads'),
    maxDownloadAttempts:
      of.natural('max-download-attempts', 5, 'invalid max download attempts') || 5,
    contentRetention: of.oneOf(
      'content-retention',
      'auto',
      ['keep', 'auto', 'drop'],
      'invalid content retention',
    ) as EngineConfig['contentRetention'],
    ...builderOf(of),
    labels,
    logDriver: of.text('log-driver', 'json-file'),
    logOpts: of.value<Record<string, string>>('log-opts') ?? {},
    dns: of.list('dns'),
    dnsSearch: of.list('dns-search'),
    dnsOptions: of.list('dns-opts'),
    defaultShmSize: of.natural('default-shm-size', 64 * 1024 * 1024, 'invalid default shm size'),
    defaultStopTimeout: of.natural('default-stop-timeout', 10, 'invalid default stop timeout'),
    defaultUlimits: of.value<Record<string, Ulimit>>('default-ulimits') ?? {},
    noNewPrivileges: of.flag('no-new-privileges', false),
    seccompProfile: of.text('seccomp-profile', 'builtin') || 'builtin',
    init: of.flag('init', false),
    initPath: of.value<string>('init-path') || undefined,
    defaultIpcMode: ipcModeOf(of.text('default-ipc-mode', 'private')),
    defaultCgroupnsMode: cgroupnsModeOf(of.value<string>('default-cgroupns-mode')),
    liveRestore: of.flag('live-restore', true),
    shutdownTimeout: of.value<number>('shutdown-timeout') ?? 15,
    debug: of.flag('debug', false),
  }
}

function builderOf(of: Reader): Pick<EngineConfig, 'cacheCollection' | 'buildHistory'> {
  const builder = of.value('builder')
  const [collection, history] = [cacheCollection(builder), historyLimits(builder)]
  return {
    ...(collection && { cacheCollection: collection }),
    ...(history && { buildHistory: history }),
  }
}

/** As moby has them; below another root for tests. */
function pluginDirectories(root: string): EngineConfig['pluginDirectories'] {
  const below = (path: string): string => join(root, path)
  return {
    sockets: below('run/docker/plugins'),
    specs: [below('etc/docker/plugins'), below('usr/lib/docker/plugins')],
  }
}

function ipcModeOf(mode: string): string {
  const hint = 'use "shareable" or "private"'
  if (['private', 'shareable'].includes(mode)) return mode
  if (['none', 'host'].includes(mode) || mode.startsWith('container:'))
    throw new ConfigError(`IPC mode "${mode}" is not supported as default value; ${hint}`)
  throw new ConfigError(`default IPC mode setting (${mode}) is invalid; ${hint}`)
}

function cgroupnsModeOf(mode: string | undefined): string | undefined {
  if (!mode || ['host', 'private'].includes(mode)) return mode || undefined
  throw new ConfigError(
    `default cgroup namespace mode (${mode}) is invalid; use "host" or "private"`,
  )
}

/** Where whoever reaches the address may use the API. */
function exposed(host: Host, tls: TlsFiles | undefined): string[] {
  if (host.kind !== 'tcp' || tls?.ca !== undefined) return []
  const address = host.address.includes(':') ? `[${host.address}]` : host.address
  return [`${tls ? 'https' : 'http'}://${address}:${host.port}`]
}

/** `--tls` alone asks clients for a certificate, too; only `--tlsverify=false` does not. */
function tlsOf(of: Reader, around: Surroundings): TlsFiles | undefined {
  const verifyGiven = of.value<boolean>('tlsverify')
  const verify = verifyGiven ?? Boolean(around.env['DOCKER_TLS_VERIFY'])
  const tls = of.value<boolean>('tls')
  if (tls === false && verifyGiven !== true) return undefined
  if (!tls && verifyGiven === undefined && !verify) return undefined
  const directory =
    around.env['DOCKER_CERT_PATH'] || around.env['DOCKER_CONFIG'] || `${around.home}/.docker`
  return {
    cert: of.text('tlscert', `${directory}/cert.pem`),
    key: of.text('tlskey', `${directory}/key.pem`),
    ca: verifyGiven === false ? undefined : of.text('tlscacert', `${directory}/ca.pem`),
  }
}

function minimumOf(of: Reader, around: Surroundings): string {
  const fromEnv = around.env['DOCKER_MIN_API_VERSION']
  const given = fromEnv || of.value<string>('min-api-version')
  if (given === undefined) return minVersion
  const why = minimumProblem(given)
  if (why === undefined) return given
  throw new ConfigError(
    `${fromEnv ? 'invalid DOCKER_MIN_API_VERSION: ' : 'invalid min-api-version: '}${why}`,
  )
}

function minimumProblem(given: string): string | undefined {
  if (given === '') return 'value is empty'
  if (/^v/i.test(given)) return 'API version must be provided without "v" prefix'
  if (compareVersions(given, minVersion) < 0) {
    return `minimum supported API version is ${minVersion}: ${given}`
  }
  if (compareVersions(given, maxVersion) > 0) {
    return `maximum supported API version is ${maxVersion}: ${given}`
  }
  return undefined
}

/** One value for each key; the last of equal ones stays. */
function labelsOf(given: readonly string[]): string[] {
  const labels = new Map<string, string>()
  for (const label of given) {
    const [key = '', ...rest] = label.split('=')
    if (rest.length === 0 || key === '') throw new ConfigError(`bad attribute format: ${label}`)
    const value = rest.join('=')
    const before = labels.get(key)
    if (before !== undefined && before !== value) {
      throw new ConfigError(`conflict labels for ${key}=${value} and ${key}=${before}`)
    }
    labels.set(key, value)
  }
  return [...labels].map(([key, value]) => `${key}=${value}`)
}

function proxiesOf(of: Reader): Record<string, string> {
  const names = ['http-proxy', 'https-proxy', 'no-proxy']
  const given = names.map((name) => [name.toUpperCase().replace('-', '_'), of.text(name, '')])
  return Object.fromEntries(given.filter(([, value]) => value !== '')) as Record<string, string>
}

function mirrorOf(given: string): string {
  try {
    return mirrorText(parseMirror(given))
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
}

/** Options that were given and have no effect yet. */
function unserved(of: Reader): string[] {
  return options
    .filter((option) => !option.served && of.value(nameOf(option)) !== undefined)
    .map((option) => `the option ${nameOf(option)} is known but has no effect in tdocker yet`)
}

function word(name: string): string {
  return name.replaceAll(/\W/g, '_')
}

/** Typed reads; kinds were checked when the settings were parsed. */
class Reader {
  readonly #settings: Settings

  constructor(settings: Settings) {
    this.#settings = settings
  }

  value<T>(name: string): T | undefined {
    return this.#settings.get(name) as T | undefined
  }

  text(name: string, fallback: string): string {
    return this.value<string>(name) || fallback
  }

  list(name: string): string[] {
    return this.value<string[]>(name) ?? []
  }

  flag(name: string, fallback: boolean): boolean {
    return this.value<boolean>(name) ?? fallback
  }

  natural(name: string, fallback: number, sentence: string): number {
    const value = this.value<number>(name) ?? fallback
    if (value < 0) throw new ConfigError(`${sentence}: ${value}`)
    return value
  }

  oneOf(name: string, fallback: string, accepted: readonly string[], sentence: string): string {
    const value = this.text(name, fallback)
    if (!accepted.includes(value.toLowerCase())) throw new ConfigError(`${sentence}: ${value}`)
    return value.toLowerCase()
  }

  path(name: string, fallback: string): string {
    const value = this.text(name, fallback)
    if (!value.startsWith('/')) throw new ConfigError(`${name} must be an absolute path: ${value}`)
    return value.length > 1 ? value.replace(/\/+$/, '') : value
  }
}
