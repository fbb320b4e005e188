import type { FlagSet } from '../../flag/flag-set.ts'
import { stringsFlag } from '../../flag/kinds.ts'
import { parsePlatform } from '../../flag/spec/platform.ts'
import type { Query } from '../../client/client.ts'
import { ApiError } from '../../client/errors.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { imagePath } from './path.ts'

interface Removed {
  readonly Deleted?: string
  readonly Untagged?: string
}

export const command: Command = {
  use: '[OPTIONS] IMAGE [IMAGE...]',
  short: 'Delete images',
  aliases: ['image rm', 'image remove', 'rmi'],
  args: { kind: 'atLeast', count: 1 },
  define(flags: FlagSet): Action {
    const force = flags.bool('force', 'f', false, 'Delete the image although it is used')
    const noPrune = flags.bool('no-prune', '', false, 'Keep untagged parents')
    const platform = stringsFlag(flags, 'platform', 'Delete only the variant of this platform')
    flags.need('platform', { api: '1.50' })
    return (cli, names) =>
      remove(cli, names, {
        force: force.value || undefined,
        noprune: noPrune.value || undefined,
        platforms: platform.value.map((text) => JSON.stringify(parsePlatform(text))),
      })
  },
}

async function remove(cli: Cli, names: readonly string[], query: Query): Promise<void> {
  const errors: Error[] = []
  for (const name of names) {
    try {
      const removed = await cli.client.call<Removed[]>('DELETE', imagePath(name), {
        query,
      })
      for (const { Deleted, Untagged } of removed) {
        cli.print(Deleted ? `Deleted: ${Deleted}\n` : `Untagged: ${Untagged ?? ''}\n`)
      }
    } catch (error) {
      errors.push(error as Error)
    }
  }
  if (errors.length === 0) return
  const message = errors.map((error) => error.message).join('\n')
  const onlyMissing = errors.every((error) => error instanceof ApiError && error.isNotFound)
  if (!query['force'] || !onlyMissing) throw new Error(message)
  cli.printError(`${message}\n`)
}
