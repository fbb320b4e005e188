import type { Filters } from '../backend-types.ts'
import { invalidParameter } from '../base/errors.ts'
import { textMatcher } from '../base/regexp/regexp.ts'
import { parseMoment } from '../image/moment.ts'

/** What filters look at. All networks that there are are Docker's own. */
export interface FilteredNetwork {
  id: string
  name: string
  driver: string
  scope: string
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
  checkUntil(values('until'))
  const names = values('name').map(textMatcher)
  const ids = values('id').map(textMatcher)
  const any = (key: string, test: (value: string) => boolean): boolean =>
    values(key).length === 0 || values(key).some(test)
  return (network) =>
    any('driver', (value) => value === network.driver) &&
    (names.length === 0 || names.some((test) => test(network.name))) &&
    (ids.length === 0 || ids.some((test) => test(network.id))) &&
    any('scope', (value) => value === network.scope) &&
    // They have no labels.
    values('label').length === 0 &&
    dangling !== true &&
    (types.length === 0 || types[0] === 'builtin')
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

function checkUntil(values: readonly string[]): void {
  if (values.length > 1) throw invalidParameter('more than one until filter specified')
  const [value] = values
  if (value !== undefined) parseMoment(value, Date.now())
}
