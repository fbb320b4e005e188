import type { FlagSet } from '../../flag/flag-set.ts'
import { filterFlag, formatFlag } from '../../flag/kinds.ts'
import { filterQuery } from '../../flag/spec/filter.ts'
import { parseTimestamp } from '../../flag/timestamp.ts'
import { jsonLines } from '../../format/lines.ts'
import { parseExact } from '../../format/json.ts'
import { Template } from '../../format/template/template.ts'
import { asStruct } from '../../format/template/value.ts'
import { fixedNanoTime } from '../../format/units.ts'
import { StatusError } from '../cli.ts'
import type { Action, Command } from '../command.ts'

interface Event extends Readonly<Record<string, unknown>> {
  readonly Type: string
  readonly Action: string
  readonly Actor: {
    readonly ID: string
    readonly Attributes?: Readonly<Record<string, string>> | null
  }
  readonly time?: number
  readonly timeNano?: number | bigint
}

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Follow what happens in the daemon',
  aliases: ['system events', 'events'],
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const filter = filterFlag(flags)
    const format = formatFlag(flags, 'inspect')
    const since = flags.string('since', '', '', 'Show what happened from this time on')
    const until = flags.string('until', '', '', 'Stop at this time')
    return async (cli) => {
      const show = printer(format.value)
      const now = new Date()
      const time = (text: string): string | undefined =>
        text === '' ? undefined : parseTimestamp(text, now)
      const response = await cli.client.request('GET', '/events', {
        query: {
          since: time(since.value),
          until: time(until.value),
          filters: filterQuery(filter.value),
        },
      })
      for await (const line of jsonLines(response)) cli.print(`${show(line)}\n`)
    }
  },
}

function printer(format: string): (line: string) => string {
  if (format === 'json') return (line) => line
  if (format === '') return (line) => plainLine(parseExact(line) as Event)
  let template: Template
  try {
    template = new Template(format)
    template.execute(struct({ Type: '', Action: '', Actor: { ID: '', Attributes: {} } }), {
      typeName: '*events.Message',
    })
  } catch (error) {
    throw new StatusError(64, `Error parsing format: ${(error as Error).message}`)
  }
  return (line) => template.execute(struct(parseExact(line) as Event))
}

/** Field names of the message as templates know them. */
function struct(event: Event): object {
  const { Type, Action: action, Actor } = event
  return asStruct({
    Status: event['status'] ?? '',
    ID: event['id'] ?? '',
    From: event['from'] ?? '',
    Type,
    Action: action,
    Actor,
    Scope: event['scope'] ?? '',
    Time: event.time ?? 0,
    TimeNano: event.timeNano ?? 0,
  })
}

function plainLine({ Type, Action: action, Actor, time, timeNano }: Event): string {
  const nanoseconds = BigInt(timeNano ?? 0) || BigInt(time ?? 0) * 1_000_000_000n
  const stamp = nanoseconds === 0n ? '' : `${fixedNanoTime(nanoseconds)} `
  const attributes = Object.entries(Actor.Attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
  const tail = attributes.length > 0 ? ` (${attributes.join(', ')})` : ''
  return `${stamp}${Type} ${action} ${Actor.ID}${tail}`
}
