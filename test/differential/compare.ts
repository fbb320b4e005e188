/** Makes two engines' answers comparable, and says where they differ. */

export interface Answer {
  status: number
  contentType: string
  text: string
  /** Those of `HEADERS` that came. */
  headers: Readonly<Record<string, string>>
}

/** What a client reads from a head, beside type and length. */
export const HEADERS = [
  'api-version',
  'docker-experimental',
  'ostype',
  'server',
  'swarm',
  'builder-version',
  'cache-control',
  'pragma',
  'location',
  'warning',
  'x-docker-container-path-stat',
] as const

export interface Difference {
  /** `status`, `type`, or a dotted path into the body. */
  where: string
  docker: string
  ours: string
}

/** What stands for a value that differs by nature, so that its presence is still compared. */
const PATTERNS: ReadonlyArray<readonly [RegExp, string]> = [
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, '<time>'],
  [/sha256:[0-9a-f]{64}/g, '<digest>'],
  [/\b[0-9a-f]{64}\b/g, '<id>'],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<uuid>'],
  [/\b[0-9a-f]{12}\b/g, '<short>'],
  [/\b172\.\d+\.\d+\.\d+\b/g, '<address>'],
  [/\b(Less than a second|\d+ seconds?|About a minute|\d+ minutes)\b/g, '<a while>'],
  [/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, '<mac>'],
]

const ZERO_TIME = '0001-01-01T00:00:00Z'

export class Normaliser {
  readonly #replacements: ReadonlyArray<readonly [string, string]>

  /** `replacements`: text of this engine → what both have in its place. */
  constructor(replacements: ReadonlyArray<readonly [string, string]>) {
    this.#replacements = replacements
  }

  text(value: string, variables: ReadonlyMap<string, string>): string {
    let result = value.replaceAll(ZERO_TIME, '<never>')
    for (const [from, to] of this.#replacements) result = result.replaceAll(from, to)
    for (const [name, id] of variables) result = result.replaceAll(id, `<${name}>`)
    for (const [name, id] of variables)
      if (/^[0-9a-f]{64}$/.test(id)) result = result.replaceAll(id.slice(0, 12), `<${name}>`)
    for (const [pattern, word] of PATTERNS) result = result.replaceAll(pattern, word)
    return result
  }
}

/** Numbers of these fields are facts of the moment: only whether they are zero is compared. */
const NUMBERS_OF_THE_MOMENT =
  /(^|\.)(Pid|Size|SizeRw|SizeRootFs|Created|NFd|NGoroutines|SystemTime|MemTotal|time|timeNano|Virtual[A-Za-z]*|SharedSize|LayersSize|SpaceReclaimed|total_usage|usage|usage_in_[a-z]+|system_cpu_usage|percpu_usage\.\d+|limit|rx_[a-z]+|tx_[a-z]+|current|value|max_usage)$|\.memory_stats\.stats\.|^memory_stats\.stats\.|blkio_stats/

export function compare(docker: Answer, ours: Answer): Difference[] {
  const differences: Difference[] = []
  const note = (where: string, left: unknown, right: unknown): void => {
    if (left !== right)
      differences.push({
        where,
        docker: JSON.stringify(left) ?? '∅',
        ours: JSON.stringify(right) ?? '∅',
      })
  }
  note('status', docker.status, ours.status)
  note('type', docker.contentType, ours.contentType)
  const walk = (where: string, left: unknown, right: unknown): void => {
    if (isObject(left) && isObject(right)) {
      for (const key of new Set([...Object.keys(left), ...Object.keys(right)]))
        walk(where === '' ? key : `${where}.${key}`, left[key], right[key])
    } else if (typeof left === 'number' && typeof right === 'number') {
      if (NUMBERS_OF_THE_MOMENT.test(where)) note(where, left === 0, right === 0)
      else note(where, left, right)
    } else if (isObject(left) || isObject(right)) {
      note(where, left, right)
    } else note(where, left, right)
  }
  for (const header of HEADERS) note(`head.${header}`, docker.headers[header], ours.headers[header])
  walk('', sorted(parsed(docker.text)), sorted(parsed(ours.text)))
  return differences
}

/** Objects and arrays alike, by key. */
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Lists of objects that are kept in maps come in no order: by what names their items. */
function sorted(value: unknown): unknown {
  if (!isObject(value)) return value
  if (!Array.isArray(value))
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, sorted(field)]))
  const items = value.map(sorted)
  const key = (item: unknown): string => {
    const { Destination, Name, Path } = isObject(item) ? item : {}
    return [Destination, Name, Path].filter((value) => typeof value === 'string')[0] ?? ''
  }
  return items.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
}

/** JSON, lines of JSON, or text. */
function parsed(text: string): unknown {
  const attempts = [
    () => JSON.parse(text) as unknown,
    () =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
  ]
  for (const attempt of attempts) {
    try {
      return attempt()
    } catch {
      continue
    }
  }
  return { text }
}
