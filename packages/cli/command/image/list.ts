import type { ImageLastUsed, ImageSummary } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { filterFlag, formatFlag } from '../../flag/kinds.ts'
import { addFilter, filterQuery } from '../../flag/spec/filter.ts'
import { imageFormat, imageHeaders, imageRows } from '../../format/image-row.ts'
import { imageTree } from '../../format/image-tree.ts'
import { RowFormat } from '../../format/row.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { onlyOurs } from '../only-ours.ts'

export const command: Command = {
  use: '[OPTIONS] [REPOSITORY[:TAG]]',
  short: 'List images',
  aliases: ['image ls', 'image list', 'images'],
  args: { kind: 'atMost', count: 1 },
  define(flags: FlagSet): Action {
    const all = flags.bool('all', 'a', false, 'Show intermediate images too')
    const digests = flags.bool('digests', '', false, 'Show digests')
    const filter = filterFlag(flags)
    const format = formatFlag(flags, 'list')
    const noTrunc = flags.bool('no-trunc', '', false, 'Show everything in full length')
    const quiet = flags.bool('quiet', 'q', false, 'Show IDs only')
    const tree = flags.bool('tree', '', false, 'Show the platforms of each image below it')
    flags.need('tree', { api: '1.47' })
    return async (cli, [name]) => {
      const filters = name ? addFilter(`reference=${name}`, filter.value) : filter.value
      if (tree.value) {
        refuseWithTree({ quiet, 'no-trunc': noTrunc, 'show-digest': digests, format })
        return printTree(cli, all.value, filterQuery(filters))
      }
      const images = await cli.client.get<ImageSummary[]>('/images/json', {
        query: { all: all.value || undefined, filters: filterQuery(filters) },
      })
      const configured = quiet.value ? '' : cli.config.data.imagesFormat
      const wanted = imageFormat(format.value || configured || 'table', quiet.value, digests.value)
      const now = Date.now()
      const lastUsed = wanted.includes('.LastUsed') ? await lastUses(cli) : undefined
      const options = {
        truncate: !noTrunc.value,
        digests: digests.value || wanted.includes('{{.Digest}}'),
        now,
        ...(lastUsed && { lastUsed }),
      }
      cli.print(
        new RowFormat(wanted).render(
          images.flatMap((image) => imageRows(image, options)),
          imageHeaders,
          '*formatter.imageContext',
        ),
      )
      if (images.length === 0 && name) hint(cli.printError.bind(cli), name)
    }
  },
}

/** Docker's sentences, with its name of the flag. */
function refuseWithTree(flags: Readonly<Record<string, { value: boolean | string }>>): void {
  const set = Object.entries(flags).find(([, { value }]) => Boolean(value))
  if (set) throw new Error(`--${set[0]} is not yet supported with --tree`)
}

async function printTree(cli: Cli, all: boolean, filters: string | undefined): Promise<void> {
  const images = await cli.client.get<ImageSummary[]>('/images/json', {
    query: { all: all || undefined, filters, manifests: true },
  })
  const { isTTY, columns } = cli.stdout
  const terminal = { isTerminal: isTTY === true, columns: columns ?? 0 }
  cli.print(imageTree(images, { ...terminal, all }))
}

/** By image id; other daemons do not know. */
async function lastUses(cli: Cli): Promise<ReadonlyMap<string, string>> {
  const found = await onlyOurs('{{.LastUsed}}', () =>
    cli.client.get<ImageLastUsed[]>('/images/last-used'),
  )
  return new Map(found.map(({ Id, LastUsed }) => [Id, LastUsed]))
}

const verbs = 'build history import inspect list load ls prune pull push rm save tag'.split(' ')

/** `images ls` looks for an image of that name: say what was probably meant. */
function hint(print: (text: string) => void, name: string): void {
  if (!verbs.includes(name)) return
  print(`No images found matching "${name}": did you mean "tdocker image ${name}"?\n`)
}
