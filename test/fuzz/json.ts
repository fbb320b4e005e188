/** JSON text for a schema, right or wrong: what a careless or a hostile client would send. */
import type { Random } from './random.ts'

/** What is used of JSON Schema. */
export interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

/** Text that goes into the body as it is: what no JSON.stringify would write. */
class Raw {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Value =
  null | boolean | number | string | Raw | Value[] | Array<[key: string, value: Value]> | Obj
interface Obj {
  entries: Array<[string, Value]>
}

/** Keys whose values would reach beyond the daemon under test: the host's cgroups, the network. */
const LEFT_OUT: ReadonlySet<string> = new Set(['CgroupParent'])

/** Paths that exist, and nothing that would be made on the host when a bind names it. */
export const PATHS: readonly string[] = [
  '/',
  '/tmp',
  '/proc',
  '/proc/self',
  '/dev/null',
  '/etc/hostname',
]

export const STRINGS: readonly string[] = [
  ...[
    '',
    'x',
    '0',
    '-1',
    '1',
    'true',
    'null',
    '{}',
    '[]',
    'a b',
    'A',
    'x:y',
    'x:y:z',
    ':',
    '::',
    ',',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '..',
    '../../x',
    '%00',
    '%s%n',
    '${x}',
  ],
  ...[
    "'; DROP TABLE container; --",
    'line\nline',
    'tab\t',
    '\u0000',
    'a\u0000b',
    '\u001b[31m',
    '\ufeff',
  ],
  ...['é', '漢字', '😀', '\u202e', '\ud800', 'ﬀ', 'İ', 'K'],
  ...['host', 'none', 'container:x', 'container:', 'private', 'shareable', 'bridge', 'default'],
  ...[
    'busybox',
    'busybox:latest',
    'sha256:00',
    'json-file',
    'SIGKILL',
    'ctrl-a',
    '80/tcp',
    '1m',
    '-1s',
  ],
  ...[
    'ALL',
    'CAP_SYS_ADMIN',
    'root',
    '0:0',
    '4294967296',
    '127.0.0.1',
    '::1',
    '0.0.0.0/0',
    'on-failure',
  ],
]

const NUMBERS: readonly string[] = [
  ...['0', '-0', '-1', '1', '2', '7', '255', '65536', '2147483647', '2147483648', '-2147483649'],
  ...['4294967295', '4294967296', '9007199254740993', '9223372036854775807', '9223372036854775808'],
  ...[
    '18446744073709551615',
    '-9223372036854775809',
    '1.5',
    '1e3',
    '1e308',
    '1e309',
    '-1e999',
    '1e-400',
  ],
  ...['6291456', '67108864', '0.1', '1E+2'],
]

/** As clients send it: each field with some probability, each value of its type. */
function valid(schema: Schema, random: Random, depth: number): Value {
  if (schema.properties) {
    const share = depth === 0 ? 0.25 : 0.15
    const entries = Object.entries(schema.properties)
      .filter(([key]) => !LEFT_OUT.has(key) && random.chance(share))
      .map(([key, inner]): [string, Value] => [key, valid(inner, random, depth + 1)])
    return { entries }
  }
  if (schema.patternProperties) {
    const [inner = {}] = Object.values(schema.patternProperties)
    const keys = Array.from({ length: random.below(3) }, () => string(random))
    return { entries: keys.map((key) => [key, valid(inner, random, depth + 1)]) }
  }
  const { items } = schema
  if (items)
    return Array.from({ length: random.below(4) }, (): Value => valid(items, random, depth + 1))
  if (schema.type === 'boolean') return random.chance(0.5)
  if (schema.type === 'integer' || schema.type === 'number') return new Raw(random.pick(NUMBERS))
  return string(random)
}

function string(random: Random): string {
  if (random.chance(0.1)) return random.pick(PATHS)
  if (random.chance(0.02)) return 'x'.repeat(1 << random.below(18))
  if (random.chance(0.1)) return `${random.pick(STRINGS)}${random.pick(STRINGS)}`.replace(/^\//, '')
  return random.pick(STRINGS)
}

/** A value that has nothing to do with the schema. */
function anything(random: Random): Value {
  const kinds: ReadonlyArray<() => Value> = [
    () => null,
    () => random.chance(0.5),
    () => new Raw(random.pick(NUMBERS)),
    () => string(random),
    () => [],
    () => ({ entries: [] }),
    () => [null, null],
    () => ({ entries: [['__proto__', { entries: [['polluted', true]] }]] }),
    () => ({ entries: [['constructor', { entries: [['prototype', null]] }]] }),
    () => new Raw('['.repeat(10_000) + ']'.repeat(10_000)),
    () => new Raw('{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000)),
    () => new Raw('"\\ud800"'),
    () => new Raw('"\\x41"'),
    () => new Raw('NaN'),
    () => new Raw('01'),
    () => new Raw('tru'),
    () => new Raw("'x'"),
    () => new Raw('/* */1'),
  ]
  return random.pick(kinds)()
}

/** Changes one place of a value, or a few. */
function mutate(value: Value, random: Random): Value {
  if (random.chance(0.25)) return anything(random)
  if (isObject(value) && value.entries.length > 0) {
    const at = random.below(value.entries.length)
    const [key, inner] = value.entries[at]!
    const entries = [...value.entries]
    if (random.chance(0.15)) entries.push([key, anything(random)])
    else if (random.chance(0.18)) entries[at] = [otherCase(key), inner]
    else if (random.chance(0.1)) entries.unshift([random.pick(STRINGS), inner])
    else entries[at] = [key, mutate(inner, random)]
    return { entries }
  }
  if (Array.isArray(value) && value.length > 0) {
    const list = [...(value as Value[])]
    const at = random.below(list.length)
    if (random.chance(0.02)) return Array.from({ length: 20_000 }, () => list[at]!)
    list[at] = mutate(list[at]!, random)
    return list
  }
  return anything(random)
}

const isObject = (value: Value): value is Obj =>
  typeof value === 'object' && value !== null && 'entries' in value && !(value instanceof Raw)

function otherCase(key: string): string {
  return key === key.toLowerCase() ? key.toUpperCase() : key.toLowerCase()
}

function write(value: Value): string {
  if (value instanceof Raw) return value.text
  if (Array.isArray(value)) return `[${(value as Value[]).map(write).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  return `{${value.entries.map(([key, inner]) => `${JSON.stringify(key)}:${write(inner)}`).join(',')}}`
}

/** Damage to the text itself. */
function garble(text: string, random: Random): string {
  const at = random.below(text.length + 1)
  const ways: ReadonlyArray<() => string> = [
    () => text.slice(0, at),
    () => `${text}${text}`,
    () => `${text} x`,
    () => `\ufeff${text}`,
    () => `${text.slice(0, at)}\u0000${text.slice(at)}`,
    () => `${text.slice(0, at)},${text.slice(at)}`,
    () => ' '.repeat(100_000) + text,
    () => '',
  ]
  return random.pick(ways)()
}

export interface BodyOptions {
  /** Fields that make the request likely to get further than the first check. */
  base?: Readonly<Record<string, string | readonly string[]>>
}

export function jsonBody(schema: Schema, random: Random, o: BodyOptions = {}): string {
  const made = valid(schema, random, 0)
  const based = isObject(made) && random.chance(0.85) ? withBase(made, o.base ?? {}) : made
  const changed = random.chance(0.45) ? mutate(based, random) : based
  const text = write(changed)
  return random.chance(0.08) ? garble(text, random) : text
}

function withBase(value: Obj, base: NonNullable<BodyOptions['base']>): Obj {
  const entries = value.entries.filter(([key]) => !(key in base))
  const added = Object.entries(base).map(([key, given]): [string, Value] => [
    key,
    typeof given === 'string' ? given : [...given],
  ])
  return { entries: [...entries, ...added] }
}
