import type { HostConfig } from '@tdocker/api'
import type { PlanLog } from '@tdocker/kernel/shim/plan.ts'
import { invalidParameter } from '../../base/errors.ts'
import type { Container } from '../container.ts'

export interface LogConfig {
  Type: string
  Config: Record<string, string>
}

const COMMON = ['labels', 'labels-regex', 'env', 'env-regex', 'tag', 'mode', 'max-buffer-size']
const JSON_FILE = new Set([...COMMON, 'max-size', 'max-file', 'compress'])

/** The container's log driver and options, the daemon's where it has none. Throws invalidParameter. */
export function mergeLogConfig(given: HostConfig['LogConfig'], daemon: LogConfig): LogConfig {
  const type = given?.Type || daemon.Type
  const inherited = type === daemon.Type ? daemon.Config : {}
  const config = { ...inherited, ...given?.Config }
  validateLogConfig(type, config)
  return { Type: type, Config: config }
}

/** Throws invalidParameter in Docker's words. */
export function validateLogConfig(type: string, config: Readonly<Record<string, string>>): void {
  if (type === 'none') return
  if (type !== 'json-file')
    throw invalidParameter(`logger: no log driver named '${type}' is registered`)
  const mode = config['mode'] ?? ''
  if (!['', 'blocking', 'non-blocking'].includes(mode))
    throw invalidParameter(`logger: logging mode not supported: ${mode}`)
  if (config['max-buffer-size'] !== undefined && mode !== 'non-blocking')
    throw invalidParameter(
      "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
    )
  for (const key of Object.keys(config))
    if (!JSON_FILE.has(key))
      throw invalidParameter(`unknown log opt '${key}' for json-file log driver`)
  rotation(config)
}

/** Sizes in bytes; -1 for no limit. */
function rotation(config: Readonly<Record<string, string>>): { maxSize: number; maxFile: number } {
  let maxSize = -1
  if (config['max-size'] !== undefined) {
    maxSize = parseSize(config['max-size'])
    if (maxSize <= 0) throw invalidParameter('max-size must be a positive number')
  }
  const maxFile = Number(config['max-file'] ?? 1)
  if (!Number.isInteger(maxFile)) throw invalidParameter(`invalid max-file: ${config['max-file']}`)
  if (maxFile < 1) throw invalidParameter('max-file cannot be less than 1')
  if (config['compress'] === 'true' && (maxFile === 1 || maxSize === -1))
    throw invalidParameter(
      'compress cannot be true when max-file is less than 2 or max-size is not set',
    )
  return { maxSize, maxFile }
}

const UNITS: Readonly<Record<string, number>> = { b: 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 }

/** `10m`, `1.5 GB` in SI units, as Docker's log options are. Throws invalidParameter. */
export function parseSize(text: string): number {
  const match = /^([\d.]+) ?([a-z])?(i?b)?$/i.exec(text)
  const factor = UNITS[(match?.[2] ?? 'b').toLowerCase()]
  const value = Number(match?.[1])
  if (!match || factor === undefined || Number.isNaN(value))
    throw invalidParameter(`invalid size: '${text}'`)
  return Math.floor(value * factor)
}

/** What the shim is told about the log. */
export function planLog(c: Container, path: string): PlanLog {
  const { Type: type, Config: config = {} } = c.hostConfig.LogConfig ?? {}
  if (type !== 'json-file') return { driver: 'none' }
  return { driver: 'json-file', path, ...rotation(config), attrs: logAttributes(c, config) }
}

/** The `attrs` object of each line: chosen labels, variables and the tag; '' for none. */
function logAttributes(c: Container, config: Readonly<Record<string, string>>): string {
  const attributes: Record<string, string> = {}
  const labels = c.config.Labels ?? {}
  const environment = Object.fromEntries(
    (c.config.Env ?? []).map((entry) => {
      const equals = entry.indexOf('=')
      return [entry.slice(0, equals), entry.slice(equals + 1)]
    }),
  )
  pick(attributes, labels, config['labels'], config['labels-regex'])
  pick(attributes, environment, config['env'], config['env-regex'])
  if (config['tag']) attributes['tag'] = expandTag(config['tag'], c)
  return Object.keys(attributes).length > 0 ? JSON.stringify(attributes) : ''
}

function pick(
  into: Record<string, string>,
  from: Readonly<Record<string, string>>,
  names: string | undefined,
  pattern: string | undefined,
): void {
  for (const name of names?.split(',') ?? []) {
    const value = from[name]
    if (value !== undefined) into[name] = value
  }
  if (!pattern) return
  const expression = new RegExp(pattern)
  for (const [name, value] of Object.entries(from)) if (expression.test(name)) into[name] = value
}

/** The fields of Docker's tag templates that stand alone; other template code is kept as written. */
function expandTag(template: string, c: Container): string {
  const fields: Readonly<Record<string, string>> = {
    ID: c.id.slice(0, 12),
    FullID: c.id,
    Name: c.name,
    ImageID: c.imageId.replace(/^sha256:/, '').slice(0, 12),
    ImageFullID: c.imageId,
    ImageName: c.config.Image ?? '',
    DaemonName: 'docker',
  }
  return template.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (all, name: string) => fields[name] ?? all)
}
