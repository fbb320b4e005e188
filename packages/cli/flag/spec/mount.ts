import { resolve } from 'node:path'
import type { Mount } from '@tdocker/api'
import { parseCsvRecord } from '../csv.ts'
import { parseBytes, quote } from '../scalar.ts'

type BindOptions = NonNullable<Mount['BindOptions']>
type VolumeOptions = NonNullable<Mount['VolumeOptions']>
type TmpfsOptions = NonNullable<Mount['TmpfsOptions']>

const switches = new Set(['readonly', 'ro', 'volume-nocopy', 'bind-create-src', 'idmap'])

/**
 * `--mount type=bind,src=/a,dst=/b,ro`. The grammar and its refusals are docker's; semantic checks
 * stay with the daemon.
 */
export function parseMount(text: string): Mount {
  const value = text.trim()
  if (value === '') throw new Error('EOF')
  const mount: Mount = { Type: 'volume' }
  for (const field of parseCsvRecord(value)) {
    const [key, val] = splitField(field)
    const setter = setters[key]
    if (!setter) throw new Error(`unexpected key '${key}' in '${field}'`)
    setter(mount, val, key)
  }
  validate(mount)
  return mount
}

function splitField(field: string): [string, string | undefined] {
  const equals = field.indexOf('=')
  const rawKey = equals < 0 ? field : field.slice(0, equals)
  if (rawKey.trim() !== rawKey) {
    throw new Error(
      `invalid option '${rawKey.trim()}' in '${field}': option should not have whitespace`,
    )
  }
  const key = rawKey.toLowerCase()
  if (equals < 0) {
    if (!switches.has(key)) throw new Error(`invalid field '${field}' must be a key=value pair`)
    return [key, undefined]
  }
  const val = field.slice(equals + 1)
  if (val.trim() === '') throw new Error(`invalid value for '${rawKey}': value is empty`)
  if (val.trim() !== val) {
    throw new Error(`invalid value for '${rawKey}' in '${field}': value should not have whitespace`)
  }
  return [key, val]
}

type Setter = (mount: Mount, value: string | undefined, key: string) => void

const bind = (mount: Mount): BindOptions => (mount.BindOptions ??= {})
const volume = (mount: Mount): VolumeOptions => (mount.VolumeOptions ??= {})
const tmpfs = (mount: Mount): TmpfsOptions => (mount.TmpfsOptions ??= {})

const setSource: Setter = (mount, value = '') => {
  mount.Source = value.startsWith('.') ? resolve(value) : value
}
const setTarget: Setter = (mount, value = '') => {
  mount.Target = value
}
const setReadOnly: Setter = (mount, value, key) => {
  mount.ReadOnly = parseSwitch(value, key)
}

const setters: Record<string, Setter> = {
  type: (mount, value = '') => {
    mount.Type = value.toLowerCase()
  },
  source: setSource,
  src: setSource,
  target: setTarget,
  dst: setTarget,
  destination: setTarget,
  readonly: setReadOnly,
  ro: setReadOnly,
  consistency: (mount, value = '') => {
    mount.Consistency = value.toLowerCase()
  },
  'bind-propagation': (mount, value = '') => {
    bind(mount).Propagation = value.toLowerCase()
  },
  'bind-nonrecursive': () => {
    throw new Error('bind-nonrecursive is deprecated, use bind-recursive=disabled instead')
  },
  'bind-recursive': (mount, value = '', key) => setRecursive(bind(mount), value, key),
  'bind-create-src': (mount, value, key) => {
    bind(mount).CreateMountpoint = parseSwitch(value, key)
  },
  // Not docker's: how the container sees ids of the source's files; alone, its owner as the user.
  idmap: (mount, value = '') => {
    bind(mount).IDMap = value
  },
  'volume-subpath': (mount, value = '') => {
    volume(mount).Subpath = value
  },
  'volume-nocopy': (mount, value, key) => {
    volume(mount).NoCopy = parseSwitch(value, key)
  },
  'volume-label': (mount, value = '') => {
    setEntry((volume(mount).Labels ??= {}), value)
  },
  'volume-driver': (mount, value = '') => {
    ;(volume(mount).DriverConfig ??= {}).Name = value
  },
  'volume-opt': (mount, value = '') => {
    setEntry(((volume(mount).DriverConfig ??= {}).Options ??= {}), value)
  },
  'image-subpath': (mount, value = '') => {
    ;(mount.ImageOptions ??= {}).Subpath = value
  },
  'tmpfs-size': (mount, value = '', key) => {
    tmpfs(mount).SizeBytes = parseOr(() => parseBytes(value), key, value)
  },
  'tmpfs-mode': (mount, value = '', key) => {
    if (!/^[0-7]+$/.test(value)) throw new Error(`invalid value for ${key}: ${value}`)
    tmpfs(mount).Mode = Number.parseInt(value, 8)
  },
}

function setRecursive(options: BindOptions, value: string, key: string): void {
  if (value === 'enabled') return
  if (value === 'disabled') options.NonRecursive = true
  else if (value === 'writable') options.ReadOnlyNonRecursive = true
  else if (value === 'readonly') options.ReadOnlyForceRecursive = true
  else {
    throw new Error(
      `invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
    )
  }
}

function parseSwitch(value: string | undefined, key: string): boolean {
  if (value === undefined || value === '1' || value === 'true') return true
  if (value === '0' || value === 'false') return false
  throw new Error(
    `invalid value for '${key}': invalid boolean value (${quote(value)}): ` +
      'must be one of "true", "1", "false", or "0" (default "true")',
  )
}

function parseOr<T>(parse: () => T, key: string, value: string): T {
  try {
    return parse()
  } catch {
    throw new Error(`invalid value for ${key}: ${value}`)
  }
}

function setEntry(map: Record<string, string>, pair: string): void {
  const equals = pair.indexOf('=')
  const key = equals < 0 ? pair : pair.slice(0, equals)
  if (key !== '') map[key] = equals < 0 ? '' : pair.slice(equals + 1)
}

function validate(mount: Mount): void {
  if (!mount.Type) throw new Error('type is required')
  if (!mount.Target) throw new Error('target is required')
  const owners: Array<[string, unknown]> = [
    ['bind', mount.BindOptions],
    ['volume', mount.VolumeOptions],
    ['image', mount.ImageOptions],
    ['tmpfs', mount.TmpfsOptions],
  ]
  for (const [type, options] of owners) {
    if (options && mount.Type !== type) {
      throw new Error(`cannot mix '${type}-*' options with mount type '${mount.Type}'`)
    }
  }
  validateRecursive(mount)
}

function validateRecursive(mount: Mount): void {
  const options = mount.BindOptions
  if (options?.ReadOnlyNonRecursive && !mount.ReadOnly) {
    throw new Error(
      "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
    )
  }
  if (!options?.ReadOnlyForceRecursive) return
  if (!mount.ReadOnly) {
    throw new Error(
      "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction",
    )
  }
  if (options.Propagation !== 'rprivate') {
    throw new Error(
      "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
    )
  }
}
