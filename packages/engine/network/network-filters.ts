import type { Filters } from '../backend-types.ts'
import { invalidParameter } from '../base/errors.ts'
import { textMatcher } from '../base/regexp/regexp.ts'
import { parseMoment } from '../image/moment.ts'

/** What filters look at. */
export interface FilteredNetwork {
  id: string
  name: string
  driver: string
  scope: string
  /** One of Docker's own. */
  predefined: boolean
  /** Milliseconds since the epoch. */
  createdAt: number
  labels: Readonly<Record<string, string>>
  /** A running container has an endpoint there. */
  used: boolean
}

type Test = (network: FilteredNetwork) => boolean

/** Throws invalidParameter in moby's words (daemon/network/filter.go). */
export function networkMatcher(filters: Filters): Test {
  const values = (key: string): readonly string[] => filters.get(key) ?? []
  const dangling = danglingOf(values('dangling'))
  const types = values('type')
  for (const type of types)
    if (type !== 'builtin' && type !== 'custom')
      throw invalidParameter(`invalid filter: 'type'='${type}'`)
  const until = untilOf(values('until'))
  const labels = labelTest(values('label'))
  const notLabels = labelTest(values('label!'))
  const names = values('name').map(textMatcher)
  const ids = values('id').map(textMatcher)
  const any = (key: string, test: (value: string) => boolean): boolean =>
    values(key).length === 0 || values(key).some(test)
  return (network) =>
    any('driver', (value) => value === network.driver) &&
    (names.length === 0 || names.some((test) => test(network.name))) &&
    (ids.length === 0 || ids.some((test) => test(network.id))) &&
    any('scope', (value) => value === network.scope) &&
    (values('label').length === 0 || labels(network.labels)) &&
    (values('label!').length === 0 || !notLabels(network.labels)) &&
    (dangling === undefined || dangling === (!network.predefined && !network.used)) &&
    (types.length === 0 || (types[0] === 'builtin') === network.predefined) &&
    (until === undefined || network.createdAt <= until)
}

/** `key` or `key=value`, all of them (filters.MatchKVList). */
function labelTest(
  wanted: readonly string[],
): (labels: Readonly<Record<string, string>>) => boolean {
  const pairs = wanted.map((text) => {
    const at = text.indexOf('=')
    return at < 0
      ? ([text, undefined] as const)
      : ([text.slice(0, at), text.slice(at + 1)] as const)
  })
  return (labels) =>
    pairs.every(
      ([key, value]) =>
        Object.hasOwn(labels, key) && (value === undefined || labels[key] === value),
    )
}

function danglingOf(values: readonly string[]): boolean | undefined {
  const [value] = values
  if (value === undefined) return undefined
  if (values.length > 1) throw invalidParameter('got more than one value for filter key "dangling"')
  if (value === '0' || value === 'false') return false
  if (value === '1' || value === 'true') return true
  throw invalidParameter(
    'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")',
  )
}

function untilOf(values: readonly string[]): number | undefined {
  if (values.length > 1) throw invalidParameter('more than one until filter specified')
  const [value] = values
  return value === undefined ? undefined : parseMoment(value, Date.now())
}
