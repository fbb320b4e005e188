import {
  chmodSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/** One entry of `auths`, as Docker writes it. */
export interface StoredAuth {
  auth?: string
  identitytoken?: string
  registrytoken?: string
  email?: string
}

export interface ProxySettings {
  httpProxy?: string
  httpsProxy?: string
  noProxy?: string
  ftpProxy?: string
  allProxy?: string
}

/** The keys of config.json this program reads; all others are kept when it is written. */
export interface ConfigData {
  auths?: Record<string, StoredAuth>
  credsStore?: string
  credHelpers?: Record<string, string>
  detachKeys?: string
  psFormat?: string
  imagesFormat?: string
  statsFormat?: string
  volumesFormat?: string
  networksFormat?: string
  pluginsFormat?: string
  pruneFilters?: string[]
  currentContext?: string
  HttpHeaders?: Record<string, string>
  proxies?: Record<string, ProxySettings>
}

/** The user's `config.json`, shared with the docker CLI. */
export class ConfigFile {
  readonly path: string
  readonly data: ConfigData

  constructor(path: string, data: ConfigData) {
    this.path = path
    this.data = data
  }

  /**
   * Writes the file in place of the old one, readable by its owner only: it holds passwords.
   * A link is followed, as users keep the file in repositories of dotfiles.
   */
  save(): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 })
    const target = realOr(this.path)
    const temporary = `${target}.${process.pid}.tmp`
    writeFileSync(temporary, JSON.stringify(this.data, undefined, '\t'), { mode: 0o600 })
    chmodSync(temporary, 0o600)
    renameSync(temporary, target)
  }
}

function realOr(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

/** `--config`, `DOCKER_CONFIG` or `~/.docker`. */
export function configDirectory(env: Readonly<Record<string, string | undefined>>): string {
  return env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker')
}

/** Reads `<directory>/config.json`; a missing file is an empty one, a broken one is told to `warn`. */
export function loadConfig(directory: string, warn: (text: string) => void): ConfigFile {
  const path = join(directory, 'config.json')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      warn(`WARNING: Error loading config file: ${(error as Error).message}`)
    }
    return new ConfigFile(path, {})
  }
  try {
    const data: unknown = text.trim() === '' ? {} : JSON.parse(text)
    if (typeof data !== 'object' || data === null || Array.isArray(data))
      throw new Error('not an object')
    return new ConfigFile(path, data as ConfigData)
  } catch (error) {
    warn(`WARNING: Error parsing config file (${path}): ${(error as Error).message}`)
    return new ConfigFile(path, {})
  }
}

const proxyNames = {
  httpProxy: 'HTTP_PROXY',
  httpsProxy: 'HTTPS_PROXY',
  noProxy: 'NO_PROXY',
  ftpProxy: 'FTP_PROXY',
  allProxy: 'ALL_PROXY',
} as const

/**
 * Environment of new containers from `proxies`: for this daemon's host, else `default`. What the
 * user set by `-e` stays, also where it is set without a value.
 */
export function proxyEnvironment(
  config: ConfigData,
  host: string,
  given: readonly string[],
): string[] {
  const settings = config.proxies?.[host] ?? config.proxies?.['default']
  const taken = new Set(given.map((pair) => pair.split('=', 1)[0] as string))
  const added: string[] = []
  for (const [key, name] of Object.entries(proxyNames)) {
    const value = settings?.[key as keyof ProxySettings]
    if (!value) continue
    for (const variable of [name, name.toLowerCase()]) {
      if (!taken.has(variable)) added.push(`${variable}=${value}`)
    }
  }
  return [...given, ...added]
}
