/** The values of `RUN --mount`. */
import { parseCsv } from './csv.ts'
import { cut, quote } from './go-text.ts'
import { findUint32, parseBool } from './go-values.ts'
import { ramInBytes } from '../../base/size.ts'
import { baseName, cleanPath } from '../../base/slash-path.ts'
import type { RunMount } from './instruction.ts'
import { didYouMean } from './suggest.ts'

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const
const SHARINGS = ['shared', 'private', 'locked'] as const
type Type = (typeof TYPES)[number]

/** What the fields say, whatever the type. */
interface Fields {
  type: Type
  from: string
  source: string
  target: string
  readOnly: boolean | undefined
  required: boolean
  size?: number
  id: string
  sharing?: (typeof SHARINGS)[number]
  mode?: number
  uid?: number
  gid?: number
  env?: string
}

type Expand = (word: string) => string
type Set = (fields: Fields, value: string, key: string) => void

const setTarget: Set = (fields, value) => (fields.target = value)
const setSource: Set = (fields, value) => (fields.source = value)
const setReadOnly: Set = (fields, value, key) => (fields.readOnly = parseBool(value, key))
const setReadWrite: Set = (fields, value, key) => (fields.readOnly = !parseBool(value, key))

const SETTERS: Readonly<Record<string, Set>> = {
  type: (fields, value) => (fields.type = oneOf(TYPES, value.toLowerCase(), value, 'mount type')),
  from: (fields, value) => (fields.from = value),
  source: setSource,
  target: setTarget,
  readonly: setReadOnly,
  id: (fields, value) => (fields.id = value),
  sharing: (fields, value) =>
    (fields.sharing = oneOf(SHARINGS, value.toLowerCase(), value, 'sharing value')),
  required: (fields, value, key) => {
    only(['secret', 'ssh'], fields, key)
    fields.required = parseBool(value, key)
  },
  size: (fields, value, key) => {
    only(['tmpfs'], fields, key)
    fields.size = parseSize(value, key)
  },
  mode: (fields, value) => (fields.mode = parseNumber(value, 8, 'mode')),
  uid: (fields, value) => (fields.uid = parseNumber(value, 10, 'uid')),
  gid: (fields, value) => (fields.gid = parseNumber(value, 10, 'gid')),
  src: setSource,
  dst: setTarget,
  destination: setTarget,
  ro: setReadOnly,
  rw: setReadWrite,
  readwrite: setReadWrite,
  env: (fields, value) => (fields.env = value),
}

/** `text` with its variables expanded by `expand`. Throws BuildKit's words. */
export function parseRunMount(text: string, expand: Expand): RunMount {
  const fields = readFields(text, expand)
  checkFields(fields)
  return mountOf(fields)
}

/** What can be said before variables have values: that it is a list, and that `from` has none. */
export function checkRunMount(text: string): void {
  readFields(text, undefined)
}

function readFields(text: string, expand: Expand | undefined): Fields {
  const fields: Fields = {
    type: 'bind',
    from: '',
    source: '',
    target: '',
    readOnly: undefined,
    required: false,
    id: '',
  }
  for (const field of parseCsv(text, 'mounts')) {
    const { before, after: value } = cut(field, '=')
    const key = before.toLowerCase()
    if (expand) setField(fields, key, value === undefined ? undefined : expand(value), field)
    else if (key === 'from' && value !== undefined) checkFrom(value, key)
  }
  return fields
}

function checkFrom(value: string, key: string): void {
  const dollar = value.indexOf('$')
  if (dollar < 0 || dollar === value.length - 1) return
  throw new Error(`'${key}' doesn't support variable expansion, define alias stage instead`)
}

function setField(fields: Fields, key: string, value: string | undefined, field: string): void {
  if (value === undefined) {
    setBareField(fields, key, field)
    return
  }
  const set = Object.hasOwn(SETTERS, key) ? SETTERS[key] : undefined
  if (!set) {
    throw new Error(`unexpected key '${key}' in '${field}'${didYouMean(key, Object.keys(SETTERS))}`)
  }
  set(fields, value, key)
}

function setBareField(fields: Fields, key: string, field: string): void {
  if (key === 'readonly' || key === 'ro') fields.readOnly = true
  else if (key === 'readwrite' || key === 'rw') fields.readOnly = false
  else if (key === 'required') {
    only(['secret', 'ssh'], fields, key)
    fields.required = true
  } else throw new Error(`invalid field '${field}' must be a key=value pair`)
}

function only(types: readonly Type[], fields: Fields, key: string): void {
  if (types.includes(fields.type)) return
  throw new Error(`unexpected key '${key}' for mount type '${fields.type}'`)
}

function oneOf<T extends string>(
  values: readonly T[],
  value: string,
  written: string,
  what: string,
): T {
  const found = values.find((known) => known === value)
  if (found) return found
  throw new Error(`unsupported ${what} ${quote(written)}${didYouMean(written, values)}`)
}

function parseSize(text: string, key: string): number {
  try {
    return ramInBytes(text)
  } catch (error) {
    throw new Error(`invalid value for ${key}: ${text}`, { cause: error })
  }
}

function parseNumber(text: string, base: 8 | 10, what: string): number {
  const value = findUint32(text, base)
  if (value === undefined) throw new Error(`invalid value ${text} for ${what}`)
  return value
}

function checkFields(fields: Fields): void {
  const { type } = fields
  if (type === 'bind' || type === 'tmpfs') {
    for (const key of ['mode', 'uid', 'gid'] as const) {
      if (fields[key] !== undefined) {
        throw new Error(`${key} not allowed for ${quote(type)} type mounts`)
      }
    }
  }
  if (type === 'secret') checkSecret(fields)
  if (fields.sharing && type !== 'cache') {
    throw new Error(`invalid cache sharing set for ${type} mount`)
  }
  if (type === 'ssh' && fields.source !== '') throw new Error('ssh does not support source')
}

function checkSecret({ from, sharing, source, target, id }: Fields): void {
  if (from !== '') throw new Error('secret mount should not have a from')
  if (sharing) throw new Error('secret mount should not define sharing')
  if (source === '' && target === '' && id === '') {
    throw new Error('invalid secret mount. one of source, target required')
  }
  if (source !== '' && id !== '') throw new Error("both source and id can't be set")
}

function mountOf(fields: Fields): RunMount {
  const { type, from, source, target } = fields
  const readOnly = fields.readOnly ?? !(type === 'cache' || type === 'tmpfs')
  switch (type) {
    case 'bind':
      return { type, target, readOnly, from, source }
    case 'tmpfs':
      return { type, target, readOnly, ...(fields.size !== undefined && { size: fields.size }) }
    case 'cache': {
      const id = fields.id || cleanPath(target)
      const sharing = fields.sharing ?? 'shared'
      return { type, target, readOnly, from, source, id, sharing, ...ownership(fields) }
    }
    case 'secret':
    case 'ssh': {
      const id = fields.id || source || (type === 'ssh' ? 'default' : baseName(target))
      const file = type === 'secret' && fields.env === undefined && target === ''
      return {
        type,
        target: file ? `/run/secrets/${baseName(id)}` : target,
        readOnly,
        id,
        required: fields.required,
        ...(fields.env !== undefined && { env: fields.env || id }),
        ...ownership(fields),
      }
    }
  }
}

function ownership({ mode, uid, gid }: Fields): { mode?: number; uid?: number; gid?: number } {
  return {
    ...(mode !== undefined && { mode }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  }
}
