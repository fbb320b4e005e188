import { posix } from 'node:path'
import type { DeviceMapping, DeviceRequest, ThrottleDevice } from '@tdocker/api'
import { parseCsvRecord } from '../csv.ts'
import { parseBytes, parseDecimal } from '../scalar.ts'

/** A CDI name (`vendor.com/class=device`) instead of a path. */
export function isCdiName(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9_.-]*\/[A-Za-z][A-Za-z0-9_-]*=[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(text)
}

/** `--device /dev/a[:/dev/b[:rwm]]`. */
export function parseDevice(text: string): DeviceMapping {
  const parts = text.split(':')
  const [source = '', second, third] = parts
  if (parts.length > 3 || source === '') throw new Error(`bad format for path: ${text}`)
  if (third !== undefined && !isMode(third)) throw new Error(`bad mode specified: ${third}`)
  const target = second === undefined || (third === undefined && isMode(second)) ? source : second
  if (!target.startsWith('/')) throw new Error(`${target} is not an absolute path`)
  const mode = third ?? (second !== undefined && isMode(second) ? second : 'rwm')
  return {
    PathOnHost: target === source ? clean(source) : source,
    PathInContainer: clean(target),
    CgroupPermissions: mode,
  }
}

function clean(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

function isMode(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length
}

/** `--device-cgroup-rule 'c 1:3 mr'`; the daemon parses it, here only its shape is checked. */
export function checkDeviceRule(text: string): string {
  if (/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) return text
  throw new Error(`invalid device cgroup format '${text}'`)
}

function splitDevice(text: string): [path: string, value: string] {
  const colon = text.indexOf(':')
  if (colon <= 0) throw new Error(`bad format: ${text}`)
  const path = text.slice(0, colon)
  if (!path.startsWith('/dev/')) throw new Error(`bad format for device path: ${text}`)
  return [path, text.slice(colon + 1)]
}

/** `--device-read-bps /dev/sda:1mb`. */
export function parseThrottleBytes(text: string): ThrottleDevice {
  const [path, value] = splitDevice(text)
  try {
    return { Path: path, Rate: parseBytes(value) }
  } catch {
    throw new Error(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. ` +
        'Number must be a positive integer. Unit is optional and can be kb, mb, or gb',
    )
  }
}

/** `--device-read-iops /dev/sda:1000`. */
export function parseThrottleOperations(text: string): ThrottleDevice {
  const [path, value] = splitDevice(text)
  if (!/^[0-9]+$/.test(value)) {
    throw new Error(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>. ` +
        'Number must be a positive integer',
    )
  }
  return { Path: path, Rate: Number(value) }
}

/** `--blkio-weight-device /dev/sda:500`; 0 or 10–1000. */
export function parseWeightDevice(text: string): { Path: string; Weight: number } {
  const [path, value] = splitDevice(text)
  const weight = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN
  if (!(weight === 0 || (weight >= 10 && weight <= 1000))) {
    throw new Error(`invalid weight for device: ${text}`)
  }
  return { Path: path, Weight: weight }
}

/** `--gpus all`, `--gpus 2`, `--gpus '"device=0,1",driver=nvidia'`. */
export function parseGpus(text: string): DeviceRequest {
  const request: DeviceRequest = {}
  const seen = new Set<string>()
  for (const field of parseCsvRecord(text)) {
    const equals = field.indexOf('=')
    const key = equals < 0 ? field : field.slice(0, equals)
    if (seen.has(key)) throw new Error(`gpu request key '${key}' can be specified only once`)
    seen.add(key)
    if (equals < 0) seen.add('count')
    if (equals < 0) request.Count = parseCount(key)
    else setGpuField(request, key, field.slice(equals + 1), field)
  }
  if (!seen.has('count') && request.DeviceIDs === undefined) request.Count = 1
  request.Options ??= {}
  request.Capabilities ??= [['gpu']]
  return request
}

function setGpuField(request: DeviceRequest, key: string, value: string, field: string): void {
  if (key === 'driver') request.Driver = value
  else if (key === 'count') request.Count = parseCount(value)
  else if (key === 'device') request.DeviceIDs = value.split(',')
  else if (key === 'capabilities') request.Capabilities = [[...value.split(','), 'gpu']]
  else if (key === 'options') {
    request.Options = Object.fromEntries(
      parseCsvRecord(value).map((pair) => {
        const equals = pair.indexOf('=')
        return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
      }),
    )
  } else throw new Error(`unexpected key '${key}' in '${field}'`)
}

function parseCount(text: string): number {
  if (text === 'all') return -1
  const count = parseDecimal(text)
  if (count === undefined) {
    throw new Error(
      `invalid count (${text}): value must be either "all" or an integer: invalid syntax`,
    )
  }
  return count
}
