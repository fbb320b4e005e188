import type { Filters } from '../backend-types.ts'
import { invalidParameter } from '../base/errors.ts'
import { textMatcher } from '../base/regexp/regexp.ts'
import { ANONYMOUS_LABEL, type VolumeRecord } from './volume-records.ts'

type Test = (volume: VolumeRecord) => boolean

/** Filters of a list: values of a key are alternatives, keys and labels must all hold. */
export function volumeMatcher(filters: Filters): Test {
  const drivers = filters.get('driver') ?? []
  const names = (filters.get('name') ?? []).map(textMatcher)
  const dangling = danglingOf(filters)
  const labelled = labelMatcher(filters)
  return (volume) =>
    (drivers.length === 0 || drivers.includes(volume.driver)) &&
    (names.length === 0 || names.some((test) => test(volume.name))) &&
    labelled(volume) &&
    (dangling === undefined || (volume.users.length === 0) === dangling)
}

/**
 * Filters of a prune: anonymous volumes unless `all` says otherwise. Volumes with options keep
 * their data elsewhere and are left alone.
 */
export function pruneMatcher(filters: Filters): Test {
  const everything = allOf(filters)
  const labelled = labelMatcher(filters)
  return (volume) =>
    volume.driver === 'local' &&
    volume.users.length === 0 &&
    Object.keys(volume.options).length === 0 &&
    (everything || ANONYMOUS_LABEL in volume.labels) &&
    labelled(volume)
}

function labelMatcher(filters: Filters): Test {
  const wanted = filters.get('label') ?? []
  const unwanted = filters.get('label!') ?? []
  return ({ labels }) =>
    wanted.every((text) => hasLabel(labels, text)) &&
    (unwanted.length === 0 || !unwanted.every((text) => hasLabel(labels, text)))
}

function hasLabel(labels: Readonly<Record<string, string>>, text: string): boolean {
  const equals = text.indexOf('=')
  if (equals < 0) return Object.hasOwn(labels, text)
  return labels[text.slice(0, equals)] === text.slice(equals + 1)
}

function danglingOf(filters: Filters): boolean | undefined {
  const values = filters.get('dangling')
  if (values === undefined) return undefined
  const isFalse = values.includes('0') || values.includes('false')
  const isTrue = values.includes('1') || values.includes('true')
  if (isFalse !== isTrue) return isTrue
  const told = values.length === 0 ? '' : `=[${values.join(' ')}]`
  throw invalidParameter(`invalid filter 'dangling${told}'`)
}

const TRUE_WORDS = ['1', 't', 'T', 'TRUE', 'true', 'True']
const FALSE_WORDS = ['0', 'f', 'F', 'FALSE', 'false', 'False']

function allOf(filters: Filters): boolean {
  const values = filters.get('all') ?? []
  const [value] = values
  if (values.length > 1)
    throw invalidParameter(`invalid filter 'all=[${values.join(' ')}]': only one value is expected`)
  if (value === undefined || FALSE_WORDS.includes(value)) return false
  if (TRUE_WORDS.includes(value)) return true
  throw invalidParameter(
    `invalid filter 'all': strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`,
  )
}
