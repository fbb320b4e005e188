import type { PortSummary } from '@tdocker/api'
import type { Filters } from '../../backend-types.ts'
import { invalidParameter, system } from '../../base/errors.ts'
import { textMatcher } from '../../base/regexp/regexp.ts'
import { type Container, isRunning, visibleState } from '../container.ts'
import { noSuchContainer } from '../messages.ts'
import type { Registry } from '../registry.ts'
import { portSummaries } from './ports.ts'

const STATES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']
const HEALTH = ['none', 'starting', 'healthy', 'unhealthy']
const KEYS = new Set([
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
])

/** A parsed list request. */
export interface Selection {
  /** Stopped ones too. */
  all: boolean
  /** Only containers older, or newer, than these. */
  before: Container | undefined
  since: Container | undefined
  matches(c: Container): boolean
}

type Test = (c: Container) => boolean

/**
 * Values of one key are alternatives, keys and labels must all hold. Throws invalidParameter for
 * unknown keys and values. `ancestors`: image ids of the `ancestor` values.
 */
export function parseFilters(
  filters: Filters,
  o: { all: boolean; registry: Registry; ancestors: ReadonlySet<string> },
): Selection {
  for (const key of filters.keys())
    if (!KEYS.has(key)) throw invalidParameter(`invalid filter '${key}'`)
  const tests: Test[] = []
  const add = (key: string, make: (values: readonly string[]) => Test): void => {
    const values = filters.get(key)
    if (values && values.length > 0) tests.push(make(values))
  }
  add('id', (values) => textTest(values, (c) => [c.id]))
  add('name', (values) => textTest(values, (c) => [c.name, `/${c.name}`]))
  add('label', labelTest)
  add('status', statusTest)
  add('exited', exitedTest)
  add('health', healthTest)
  add('isolation', (values) => (c) => values.includes(c.hostConfig.Isolation || 'default'))
  add('volume', volumeTest)
  add('network', networkTest)
  add('ancestor', () => (c) => o.ancestors.has(c.imageId))
  tests.push(taskTest(filters.get('is-task')), portTest(filters))
  return {
    all: o.all || (filters.get('status')?.length ?? 0) > 0,
    before: reference(filters.get('before'), o.registry),
    since: reference(filters.get('since'), o.registry),
    matches: (c) => tests.every((test) => test(c)),
  }
}

function textTest(values: readonly string[], texts: (c: Container) => string[]): Test {
  const matchers = values.map(textMatcher)
  return (c) => texts(c).some((text) => matchers.some((matches) => matches(text)))
}

function labelTest(values: readonly string[]): Test {
  const wanted = values.map((value) => {
    const equals = value.indexOf('=')
    return equals < 0
      ? { key: value }
      : { key: value.slice(0, equals), value: value.slice(equals + 1) }
  })
  return (c) => {
    const labels = c.config.Labels ?? {}
    return wanted.every(
      ({ key, value }) =>
        Object.hasOwn(labels, key) && (value === undefined || labels[key] === value),
    )
  }
}

function statusTest(values: readonly string[]): Test {
  for (const value of values)
    if (!STATES.includes(value))
      throw invalidParameter(
        `invalid filter 'status=${value}': invalid value for state (${value}): must be one of ${STATES.join(', ')}`,
      )
  return textTest(values, (c) => [visibleState(c)])
}

function exitedTest(values: readonly string[]): Test {
  const codes = values.map((value) => {
    if (!/^[+-]?\d+$/.test(value))
      throw invalidParameter(
        `invalid filter 'exited=${value}': strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`,
      )
    return Number(value)
  })
  return (c) => !isRunning(c) && c.startedNs !== undefined && codes.includes(c.exitCode)
}

function healthTest(values: readonly string[]): Test {
  for (const value of values)
    if (!HEALTH.includes(value))
      throw invalidParameter(
        `invalid filter 'health=${value}': invalid value for health (${value}): must be one of ${HEALTH.join(', ')}`,
      )
  return (c) => values.includes(c.health?.status ?? 'none')
}

function volumeTest(values: readonly string[]): Test {
  return (c) =>
    c.detail.mounts.some(
      (mount) => values.includes(mount.destination) || values.includes(mount.name || mount.source),
    )
}

function networkTest(values: readonly string[]): Test {
  return (c) =>
    Object.entries(c.detail.endpoints).some(([name, endpoint]) =>
      values.some((value) => value === name || endpoint.NetworkID?.startsWith(value)),
    )
}

function taskTest(values: readonly string[] | undefined): Test {
  if (!values) return () => true
  const truth = values.some((value) => value === '1' || value === 'true')
  const falsehood = values.some((value) => value === '0' || value === 'false')
  if (truth === falsehood) throw invalidParameter(`invalid filter 'is-task=[${values.join(' ')}]'`)
  // Tasks belong to swarm services, which are not served.
  return () => !truth
}

function portTest(filters: Filters): Test {
  const publish = portSet('publish', filters.get('publish'))
  const expose = portSet('expose', filters.get('expose'))
  if (publish.size === 0 && expose.size === 0) return () => true
  const fits = (port: PortSummary): boolean =>
    publish.has(`${port.PublicPort ?? 0}/${port.Type}`) ||
    expose.has(`${port.PrivatePort}/${port.Type}`)
  return (c) => portSummaries(c).some(fits)
}

/** `80`, `80/udp`, `8000-8010/tcp`. */
function portSet(key: string, values: readonly string[] = []): Set<string> {
  const ports = new Set<string>()
  for (const value of values) {
    if (value.includes(':')) throw system(`filter for '${key}' should not contain ':': ${value}`)
    const refuse = (why: string): never => {
      throw system(`error while looking up for ${key} ${value}: ${why}`)
    }
    if (value === '') refuse('invalid port range: value is empty')
    const [range = '', protocol] = value.split('/', 2)
    const [start = '', end = start] = range.split(/-(.*)/s, 2)
    const first = portNumber(start) ?? refuse(`invalid start port '${start}': ${badNumber(start)}`)
    const last = portNumber(end) ?? refuse(`invalid end port '${end}': ${badNumber(end)}`)
    if (last < first) refuse(`invalid port range: ${value}`)
    for (let port = first; port <= last; port++)
      ports.add(`${port}/${protocol?.toLowerCase() || 'tcp'}`)
  }
  return ports
}

function portNumber(text: string): number | undefined {
  return /^\d+$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined
}

/** Go's strconv says which of the two it is. */
function badNumber(text: string): string {
  if (text === '') return 'value is empty'
  return /^\d+$/.test(text) ? 'value out of range' : 'invalid syntax'
}

function reference(
  values: readonly string[] | undefined,
  registry: Registry,
): Container | undefined {
  const value = values?.at(-1)
  if (value === undefined) return undefined
  const found = registry.find(value)
  if (!found) throw noSuchContainer(value)
  return found
}
