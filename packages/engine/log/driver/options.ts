import { existsSync, statSync } from 'node:fs'
import { invalidParameter } from '../../base/errors.ts'
import { parseFacility, parseFormat, parseSyslogAddress } from './syslog-options.ts'
import { goBoolean, ramInBytes } from '../../base/size.ts'

/** HostConfig.LogConfig with nothing left out. */
export interface LogConfig {
  Type: string
  Config: Record<string, string>
}

export type LogOptions = Readonly<Record<string, string>>

/** What `info` lists. */
export const LOG_DRIVERS: readonly string[] = ['journald', 'json-file', 'local', 'none', 'syslog']

/** Drivers that send lines elsewhere; the local file is their spool and `docker logs`' source. */
export const REMOTE_DRIVERS: ReadonlySet<string> = new Set(['journald', 'syslog'])

const COMMON = ['env', 'env-regex', 'labels', 'labels-regex', 'tag']
const FILES = ['max-file', 'max-size', 'compress']

const OPTIONS: Readonly<Record<string, ReadonlySet<string>>> = {
  'json-file': new Set([...COMMON, ...FILES]),
  local: new Set([...COMMON, ...FILES]),
  journald: new Set(COMMON),
  syslog: new Set([
    ...COMMON,
    'syslog-address',
    'syslog-facility',
    'syslog-format',
    'syslog-tls-ca-cert',
    'syslog-tls-cert',
    'syslog-tls-key',
    'syslog-tls-skip-verify',
  ]),
}

const CACHE = new Set(['cache-disabled', ...[...COMMON, ...FILES].map((key) => `cache-${key}`)])
const ANY_DRIVER = new Set(['mode', 'max-buffer-size', ...CACHE])

/**
 * The container's driver and options; the daemon's where it names no other driver, and the daemon's
 * settings of the cache in any case. Throws invalidParameter in moby's words.
 */
export function mergeLogConfig(
  given: { Type?: string; Config?: Record<string, string> | null } | null | undefined,
  daemon: LogConfig,
): LogConfig {
  const type = given?.Type || daemon.Type
  const cache = Object.entries(daemon.Config).filter(([key]) => CACHE.has(key))
  const inherited = type === daemon.Type ? daemon.Config : Object.fromEntries(cache)
  const config = { ...inherited, ...given?.Config }
  try {
    validateLogOptions(type, config)
  } catch (error) {
    throw invalidParameter((error as Error).message)
  }
  return { Type: type, Config: config }
}

/**
 * The daemon's own options, at its start. As in moby a driver alone is not looked at before a
 * container wants it. Throws a plain Error.
 */
export function checkDaemonLogOptions({ Type, Config }: LogConfig): void {
  if (Object.keys(Config).length === 0) return
  try {
    validateLogOptions(Type, Config)
  } catch (error) {
    throw new Error(`failed to set log opts: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * What moby checks at create, in its order. Values of `max-size` and the like are read at the start.
 * Throws a plain Error.
 */
export function validateLogOptions(type: string, config: LogOptions): void {
  if (type === 'none') return
  const mode = config['mode'] ?? ''
  if (!['', 'blocking', 'non-blocking'].includes(mode))
    throw new Error(`logger: logging mode not supported: ${mode}`)
  validateBufferSize(config, mode)
  validateCache(config)
  const known = Object.hasOwn(OPTIONS, type) ? OPTIONS[type] : undefined
  if (known === undefined)
    throw new Error(`error looking up logging plugin ${type}: plugin "${type}" not found`)
  for (const key of Object.keys(config))
    if (!known.has(key) && !ANY_DRIVER.has(key)) throw new Error(unknownOption(key, type))
  if (type !== 'syslog') return
  parseSyslogAddress(config['syslog-address'] ?? '', { exists: assertExists })
  parseFacility(config['syslog-facility'] ?? '')
  parseFormat(config['syslog-format'] ?? '')
}

function validateBufferSize(config: LogOptions, mode: string): void {
  const size = config['max-buffer-size']
  if (size === undefined) return
  if (mode !== 'non-blocking')
    throw new Error("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
  try {
    ramInBytes(size)
  } catch (error) {
    throw new Error(`error parsing option max-buffer-size: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function validateCache(config: LogOptions): void {
  const disabled = config['cache-disabled']
  if (!disabled) return
  try {
    goBoolean(disabled)
  } catch (error) {
    throw new Error(`invalid value for option cache-disabled: ${disabled}`, { cause: error })
  }
}

function unknownOption(key: string, type: string): string {
  if (type === 'local') return `unknown log opt '${key}' for log driver local`
  return `unknown log opt '${key}' for ${type} log driver`
}

function assertExists(path: string): void {
  if (existsSync(path)) return
  try {
    statSync(path)
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === 'EACCES'
    throw new Error(`stat ${path}: ${denied ? 'permission denied' : 'no such file or directory'}`, {
      cause: error,
    })
  }
}
