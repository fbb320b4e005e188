import { text } from 'node:stream/consumers'
import type { Flag, FlagSet } from '../../flag/flag-set.ts'
import { formatFlag } from '../../flag/kinds.ts'
import { quote } from '../../flag/scalar.ts'
import type { Query } from '../../client/client.ts'
import { ApiError } from '../../client/errors.ts'
import { platformQuery } from '../../flag/spec/platform.ts'
import { inspectObjects } from '../../format/inspect.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { containerPath } from '../container/lifecycle.ts'
import { imagePath } from '../image/path.ts'

interface Kind {
  readonly path: (name: string) => string
  /** Whether `--size` means anything. */
  readonly sized?: true
  /** Not looked at unless asked for by `--type`. */
  readonly swarm?: true
}

const plain =
  (noun: string) =>
  (name: string): string =>
    `/${noun}/${encodeURIComponent(name)}`

/** Where a name is looked for, in this order. */
const kinds: Readonly<Record<string, Kind>> = {
  container: { path: (name) => `${containerPath(name)}/json`, sized: true },
  image: { path: (name) => `${imagePath(name)}/json` },
  network: { path: plain('networks') },
  volume: { path: plain('volumes') },
  service: { path: plain('services'), swarm: true },
  task: { path: plain('tasks'), swarm: true },
  node: { path: plain('nodes'), swarm: true },
  plugin: { path: (name) => `/plugins/${name}/json` },
  secret: { path: plain('secrets'), swarm: true },
  config: { path: plain('configs'), swarm: true },
}

export const command: Command = {
  use: '[OPTIONS] NAME|ID [NAME|ID...]',
  short: 'Show all details of containers, images and other objects',
  args: { kind: 'atLeast', count: 1 },
  define(flags: FlagSet): Action {
    const format = formatFlag(flags, 'inspect', 'f')
    const size = flags.bool('size', 's', false, 'Show how much room a container takes')
    const form = asFlag(flags)
    const type = flags.string('type', '', '', 'Look for objects of this type only')
    return async (cli, names) => {
      if (form.changed) return showAs(cli, names, form.value, format.value)
      if (type.changed && type.value === '')
        throw new Error('type is empty: must be one of ' + choices())
      if (type.value !== '' && !Object.hasOwn(kinds, type.value)) {
        throw new Error(`unknown type: ${quote(type.value)}: must be one of ${choices()}`)
      }
      await inspectObjects(cli, names, format.value, (name) =>
        find(cli, name, type.value, size.value),
      )
    }
  },
}

function asFlag(flags: FlagSet): Flag<string> {
  return flags.string('as', '', '', 'Show the command line that makes such a container ("run")')
}

async function showAs(cli: Cli, names: string[], form: string, format: string): Promise<void> {
  const { inspectAs } = await import('../container/inspect-as.ts')
  await inspectAs(cli, names, form, format)
}

function choices(): string {
  return Object.keys(kinds).sort().map(quote).join(', ')
}

async function find(cli: Cli, name: string, type: string, size: boolean): Promise<string> {
  for (const [noun, kind] of Object.entries(kinds)) {
    if (type === '' ? kind.swarm : type !== noun) continue
    try {
      const answer = await fetchText(cli, kind.path(name), {
        size: (kind.sized === true && size) || undefined,
      })
      if (size && !kind.sized) cli.printError(`WARNING: --size ignored for ${noun}\n`)
      return answer
    } catch (error) {
      if (type !== '' || !isElsewhere(error)) throw error
    }
  }
  throw new Error(`Error: No such object: ${name}`)
}

/** This kind has no such object; another may. */
function isElsewhere(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false
  return (
    error.isNotFound ||
    error.status === 501 ||
    /not supported|invalid reference format/.test(error.message)
  )
}

async function fetchText(cli: Cli, path: string, query: Query): Promise<string> {
  return (await text(await cli.client.request('GET', path, { query }))).trim()
}

/** `inspect` of one noun: `container inspect`, `network inspect`. */
export function nounInspect(
  noun: 'container' | 'image' | 'network' | 'volume' | 'plugin',
  flags: FlagSet,
): Action {
  const format = formatFlag(flags, 'inspect', 'f')
  const size =
    noun === 'container'
      ? flags.bool('size', 's', false, 'Show how much room they take')
      : undefined
  const verbose =
    noun === 'network'
      ? flags.bool('verbose', 'v', false, 'Show more, to find out what is wrong')
      : undefined
  const platform =
    noun === 'image'
      ? flags.string(
          'platform',
          '',
          '',
          'Show the variant of this platform, where there are several',
        )
      : undefined
  flags.need('platform', { api: '1.49' })
  const form = noun === 'container' ? asFlag(flags) : undefined
  const kind = kinds[noun] as Kind
  return (cli, names) => {
    if (form?.changed) return showAs(cli, names, form.value, format.value)
    return inspectObjects(cli, names, format.value, (name) =>
      fetchText(cli, kind.path(name), {
        size: size?.value || undefined,
        verbose: verbose?.value || undefined,
        platform: platformQuery(platform?.value ?? ''),
      }),
    )
  }
}
