import type { ContentPruneReport } from '@tdocker/api'
import { atLeast } from '../../client/client.ts'
import type { FlagSet } from '../../flag/flag-set.ts'
import { pruneFilterFlag } from '../../flag/kinds.ts'
import type { Filters } from '../../flag/spec/filter.ts'
import { filterQuery } from '../../flag/spec/filter.ts'
import { compareNatural } from '../../format/natural.ts'
import { humanSize } from '../../format/units.ts'
import type { Cli } from '../cli.ts'
import { onlyOurs } from '../only-ours.ts'
import type { Action, Command } from '../command.ts'
import { pruneContainers } from '../container/prune.ts'
import { pruneImages } from '../image/prune.ts'
import { pruneNetworks } from '../network/prune.ts'
import { confirm, prunedList, pruneFilters } from '../prune.ts'
import type { Pruned } from '../prune.ts'
import { pruneVolumes } from '../volume/prune.ts'

interface What {
  readonly all: boolean
  readonly volumes: boolean
  readonly buildCache: boolean
  readonly filters: Filters
}

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Delete what is not used',
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const all = flags.bool('all', 'a', false, 'Delete all unused images, not only dangling ones')
    const filter = pruneFilterFlag(flags)
    flags.need('filter', { api: '1.28' })
    const content = flags.bool(
      'content',
      '',
      false,
      'Only give up the compressed layers that are kept for pushes',
    )
    const force = flags.bool('force', 'f', false, 'Do not ask')
    const volumes = flags.bool('volumes', '', false, 'Delete anonymous volumes too')
    return async (cli) => {
      const what: What = {
        all: all.value,
        volumes: volumes.value,
        buildCache: atLeast(await cli.client.version(), '1.31'),
        filters: filter.value,
      }
      if (what.volumes && what.filters['until']) {
        throw new Error('ERROR: The "until" filter is not supported with "--volumes"')
      }
      if (content.value) {
        if (what.all || what.volumes || Object.keys(what.filters).length > 0)
          throw new Error('--content stands alone: it removes nothing but what can be had again')
        return pruneContent(cli, force.value)
      }
      if (!force.value && !(await confirm(cli, question(cli, what)))) return
      await prune(cli, what)
    }
  },
}

async function pruneContent(cli: Cli, force: boolean): Promise<void> {
  const sentence = 'This will remove the compressed layers that are kept for pushes.'
  if (!force && !(await confirm(cli, `${sentence}\nAre you sure you want to continue?`))) return
  const report = await onlyOurs('system prune --content', () =>
    cli.client.call<ContentPruneReport>('POST', '/content/prune'),
  )
  const blobs = report.BlobsDeleted ?? []
  if (blobs.length > 0) cli.print(`${prunedList('Deleted Blobs:', blobs, 0).output}\n`)
  cli.print(`Total reclaimed space: ${humanSize(report.SpaceReclaimed)}\n`)
}

async function prune(cli: Cli, { all, volumes, buildCache, filters }: What): Promise<void> {
  const steps: Array<() => Promise<Pruned>> = [
    () => pruneContainers(cli, filters),
    () => pruneNetworks(cli, filters),
    ...(volumes ? [() => pruneVolumes(cli, filters)] : []),
    () => pruneImages(cli, filters, all),
    ...(buildCache ? [() => pruneBuildCache(cli, filters, all)] : []),
  ]
  let total = 0
  for (const step of steps) {
    const { reclaimed, output } = await step()
    total += reclaimed
    if (output !== '') cli.print(`${output}\n`)
  }
  cli.print(`Total reclaimed space: ${humanSize(total)}\n`)
}

interface BuildReport {
  readonly CachesDeleted?: readonly string[] | null
  readonly SpaceReclaimed?: number
}

async function pruneBuildCache(cli: Cli, filters: Filters, all: boolean): Promise<Pruned> {
  const report = await cli.client.call<BuildReport>('POST', '/build/prune', {
    query: { all: all || undefined, filters: filterQuery(pruneFilters(cli, filters)) },
  })
  const reclaimed = report.SpaceReclaimed ?? 0
  const { output } = prunedList('Deleted build cache objects:', report.CachesDeleted ?? [], 0)
  return { reclaimed, output }
}

function question(cli: Cli, what: What): string {
  const victims = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(what.volumes ? ['all anonymous volumes not used by at least one container'] : []),
    what.all
      ? 'all images without at least one container associated to them'
      : 'all dangling images',
    ...(what.buildCache ? [what.all ? 'all build cache' : 'unused build cache'] : []),
  ]
  const filters = shownFilters(pruneFilters(cli, what.filters))
  return [
    'WARNING! This will remove:',
    ...victims.map((line) => `  - ${line}`),
    '',
    ...(filters.length === 0
      ? []
      : [
          '  Items to be pruned will be filtered with:',
          ...filters.map((line) => `  - ${line}`),
          '',
        ]),
    'Are you sure you want to continue?',
  ].join('\n')
}

function shownFilters(filters: Filters): string[] {
  return ['label', 'label!', 'until']
    .flatMap((name) => Object.keys(filters[name] ?? {}).map((value) => `${name}=${value}`))
    .sort(compareNatural)
}
