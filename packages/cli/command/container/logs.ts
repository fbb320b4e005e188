import type { ContainerInspectResponse } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { Demultiplexer } from '../../client/stdcopy.ts'
import { parseTimestamp } from '../../flag/timestamp.ts'
import type { Action, Command } from '../command.ts'
import { containerPath } from './lifecycle.ts'

export const command: Command = {
  use: '[OPTIONS] CONTAINER',
  short: 'Show the output of a container',
  aliases: ['container logs', 'logs'],
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const when = '(such as "2013-01-02T13:23:37Z", or "42m" for 42 minutes ago)'
    const details = flags.bool('details', '', false, 'Show the extra attributes of each line')
    const follow = flags.bool('follow', 'f', false, 'Go on with what is written from now on')
    const since = flags.string('since', '', '', `Show lines from this time on ${when}`)
    const tail = flags.string('tail', 'n', 'all', 'Show this many lines of the end')
    const timestamps = flags.bool('timestamps', 't', false, 'Show the time of each line')
    const until = flags.string('until', '', '', `Show lines before this time ${when}`)
    return async (cli, [name = '']) => {
      const now = new Date()
      const container = await cli.client.get<ContainerInspectResponse>(
        `${containerPath(name)}/json`,
      )
      const response = await cli.client.request('GET', `${containerPath(container.Id)}/logs`, {
        query: {
          stdout: true,
          stderr: true,
          since: timeQuery(since.value, now, 'since'),
          until: timeQuery(until.value, now, 'until'),
          timestamps: timestamps.value || undefined,
          details: details.value || undefined,
          follow: follow.value || undefined,
          tail: tail.value,
        },
      })
      const streams = { stdout: cli.stdout, stderr: cli.stderr }
      await copy(response, container.Config.Tty === true, streams)
    }
  },
}

function timeQuery(text: string, now: Date, flag: string): string | undefined {
  if (text === '') return undefined
  try {
    return parseTimestamp(text, now)
  } catch (error) {
    throw new Error(`invalid value for "${flag}": ${(error as Error).message}`)
  }
}

async function copy(
  response: AsyncIterable<Buffer>,
  tty: boolean,
  { stdout, stderr }: { stdout: NodeJS.WritableStream; stderr: NodeJS.WritableStream },
): Promise<void> {
  const full = new Set<NodeJS.WritableStream>()
  const write = (to: NodeJS.WritableStream, payload: Buffer): void => {
    if (!to.write(payload)) full.add(to)
  }
  const frames = new Demultiplexer((stream, payload) =>
    write(stream === 2 ? stderr : stdout, payload),
  )
  for await (const chunk of response) {
    if (tty) write(stdout, chunk)
    else frames.push(chunk)
    for (const stream of full) await new Promise((resolve) => stream.once('drain', resolve))
    full.clear()
  }
}
