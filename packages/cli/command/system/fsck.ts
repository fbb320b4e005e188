import type { FsckFinding, FsckReport } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { formatFlag } from '../../flag/kinds.ts'
import { tabulate } from '../../format/table.ts'
import { humanSize } from '../../format/units.ts'
import { StatusError, type Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { onlyOurs } from '../only-ours.ts'

/** The exit code says whether something is left that is not in order. */
export const command: Command = {
  use: '[OPTIONS]',
  short: 'Check that every byte of the data root has an owner and every row its content',
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const deep = flags.bool('deep', '', false, 'Rebuild each layer and read each blob again')
    const repair = flags.bool('repair', '', false, 'Remove garbage and rows without content')
    const format = formatFlag(flags, 'inspect')
    return async (cli) => {
      const report = await check(cli, { deep: deep.value, repair: repair.value })
      if (format.value === 'json') cli.print(`${JSON.stringify(report, undefined, 2)}\n`)
      else if (format.value === '') cli.print(page(report))
      else throw new Error(`unknown format: ${format.value}: only json is there`)
      if (report.Findings.some((finding) => !finding.Repaired && finding.Kind !== 'foreign'))
        throw new StatusError(1)
    }
  },
}

function check(cli: Cli, o: { deep: boolean; repair: boolean }): Promise<FsckReport> {
  return onlyOurs('system fsck', () =>
    cli.client.call<FsckReport>('POST', '/fsck', {
      query: { deep: o.deep || undefined, repair: o.repair || undefined },
    }),
  )
}

function page({ Owners, TotalBytes, Findings }: FsckReport): string {
  const rows = Owners.filter(({ Bytes }) => Bytes > 0)
    .toSorted((a, b) => b.Bytes - a.Bytes)
    .map(({ Owner, Bytes }) => `${Owner}\t${humanSize(Bytes)}\n`)
  const table = tabulate(`OWNER\tSIZE\n${rows.join('')}total\t${humanSize(TotalBytes)}\n`, {
    minWidth: 10,
    padding: 3,
  })
  if (Findings.length === 0) return `${table}\nEverything is in order.\n`
  return `${table}\n${Findings.map(line).join('')}`
}

function line(finding: FsckFinding): string {
  const { Kind, What, Message, Bytes, Repairable, Repaired } = finding
  const size = Bytes > 0 ? ` (${humanSize(Bytes)})` : ''
  const failed = finding.Error === undefined ? '' : `: not repaired: ${finding.Error}`
  const done = Repaired ? ': repaired' : Repairable && failed === '' ? ' [--repair]' : failed
  return `${Kind}: ${What}: ${Message}${size}${done}\n`
}
