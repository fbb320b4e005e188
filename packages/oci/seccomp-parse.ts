import type {
  SeccompArg,
  SeccompCondition,
  SeccompProfile,
  SeccompRule,
} from './seccomp-profile.ts'

/** What is wrong with a profile; the message is for the user. */
export class SeccompProfileError extends Error {
  constructor(message: string) {
    super(`Decoding seccomp profile failed: ${message}`)
    this.name = 'SeccompProfileError'
  }
}

/**
 * Reads a user's profile. Both spellings of rules are known, `names` and the old `name`; keys match
 * without regard to case, as Go's decoder has it. An empty document means unconfined: undefined.
 */
export function parseSeccompProfile(text: string): SeccompProfile | undefined {
  const root = record(parseJson(text), 'profile')
  const defaultAction = optionalString(root['defaultaction'], 'defaultAction') ?? ''
  const rules = list(root['syscalls'], 'syscalls')
  if (defaultAction === '' && rules.length === 0) return undefined
  const errno = optionalNumber(root['defaulterrnoret'], 'defaultErrnoRet')
  const architectures = strings(root['architectures'], 'architectures')
  const archMap = list(root['archmap'], 'archMap').map(archEntry)
  if (architectures.length > 0 && archMap.length > 0) {
    throw new SeccompProfileError(
      "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
    )
  }
  if (root['listenerpath']) throw new SeccompProfileError('listenerPath is not supported')
  return {
    defaultAction: action(defaultAction),
    ...(errno === undefined ? {} : { defaultErrnoRet: errno }),
    ...(archMap.length > 0 ? { archMap } : { architectures }),
    syscalls: rules.map(rule),
  }
}

const actions: ReadonlySet<string> = new Set([
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
])

const operators: ReadonlySet<string> = new Set([
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
])

type Fields = Record<string, unknown>

function rule(value: unknown): SeccompRule {
  const fields = record(value, 'syscalls')
  const single = optionalString(fields['name'], 'name')
  const many = strings(fields['names'], 'names')
  if (single && many.length > 0) {
    throw new SeccompProfileError(
      "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'",
    )
  }
  const errno = optionalNumber(fields['errnoret'], 'errnoRet')
  const includes = condition(fields['includes'])
  const excludes = condition(fields['excludes'])
  return {
    names: single ? [single] : many,
    action: action(optionalString(fields['action'], 'action') ?? ''),
    ...(errno === undefined ? {} : { errnoRet: errno }),
    args: list(fields['args'], 'args').map(arg),
    ...(includes ? { includes } : {}),
    ...(excludes ? { excludes } : {}),
  }
}

function action(name: string): string {
  if (!actions.has(name)) throw new SeccompProfileError(`invalid action ${quote(name)}`)
  return name
}

function arg(value: unknown): SeccompArg {
  const fields = record(value, 'args')
  const op = optionalString(fields['op'], 'op') ?? ''
  if (!operators.has(op)) throw new SeccompProfileError(`invalid operator ${quote(op)}`)
  const index = Number(big(fields['index'], 'index'))
  if (index > 5) throw new SeccompProfileError(`invalid argument index ${index}`)
  return {
    index,
    op,
    value: big(fields['value'], 'value'),
    valueTwo: big(fields['valuetwo'], 'valueTwo'),
  }
}

function condition(value: unknown): SeccompCondition | undefined {
  if (value === undefined || value === null) return undefined
  const fields = record(value, 'includes or excludes')
  const minKernel = optionalString(fields['minkernel'], 'minKernel')
  if (minKernel && !/^[1-9]\d*\.\d+$/.test(minKernel)) {
    throw new SeccompProfileError(
      `invalid kernel version: ${quote(minKernel)}, expected "<kernel>.<major>"`,
    )
  }
  return {
    caps: strings(fields['caps'], 'caps'),
    arches: strings(fields['arches'], 'arches'),
    ...(minKernel ? { minKernel } : {}),
  }
}

function archEntry(value: unknown): { architecture: string; subArchitectures: string[] } {
  const fields = record(value, 'archMap')
  return {
    architecture: optionalString(fields['architecture'], 'architecture') ?? '',
    subArchitectures: strings(fields['subarchitectures'], 'subArchitectures'),
  }
}

/** Integers become bigints: masks use all 64 bits, which a double would round. */
function parseJson(text: string): unknown {
  const exact = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && context?.source !== undefined && /^-?\d+$/.test(context.source)
      ? BigInt(context.source)
      : value
  try {
    return JSON.parse(text, exact as (key: string, value: unknown) => unknown)
  } catch (error) {
    throw new SeccompProfileError(syntaxError((error as Error).message, text))
  }
}

/** A text that ends too early, in Go's words. */
function syntaxError(message: string, text: string): string {
  const position = / at position (\d+)/.exec(message)?.[1] ?? (text.trim() === '' ? 0 : undefined)
  return position !== undefined && Number(position) >= text.trimEnd().length
    ? 'unexpected end of JSON input'
    : message
}

function record(value: unknown, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SeccompProfileError(`${where}: expected an object`)
  }
  const entries = Object.entries(value).map(([key, field]) => [key.toLowerCase(), field] as const)
  return Object.assign(Object.create(null) as Fields, Object.fromEntries(entries))
}

function list(value: unknown, where: string): unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new SeccompProfileError(`${where}: expected a list`)
  return value
}

function strings(value: unknown, where: string): string[] {
  return list(value, where).map((item) => {
    if (typeof item !== 'string') throw new SeccompProfileError(`${where}: expected strings`)
    return item
  })
}

function optionalString(value: unknown, where: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new SeccompProfileError(`${where}: expected a string`)
  return value
}

function optionalNumber(value: unknown, where: string): number | undefined {
  return value === undefined || value === null ? undefined : Number(big(value, where))
}

function big(value: unknown, where: string): bigint {
  if (value === undefined || value === null) return 0n
  if (typeof value !== 'bigint' || value < 0n || value >= 1n << 64n) {
    throw new SeccompProfileError(`${where}: expected an unsigned integer`)
  }
  return value
}

function quote(text: string): string {
  return JSON.stringify(text)
}
