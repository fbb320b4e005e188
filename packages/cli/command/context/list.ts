import type { FlagSet } from '../../flag/flag-set.ts'
import { formatFlag } from '../../flag/kinds.ts'
import { defaultContext } from '../../client/context-store.ts'
import { compareNatural } from '../../format/natural.ts'
import { RowFormat } from '../../format/row.ts'
import type { Row } from '../../format/row.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { overrideWarning } from './override.ts'

const headers = {
  Name: 'NAME',
  Description: 'DESCRIPTION',
  DockerEndpoint: 'DOCKER ENDPOINT',
  Error: 'ERROR',
}

const table =
  'table {{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}'

export const command: Command = {
  use: '[OPTIONS]',
  short: 'List contexts',
  aliases: ['context ls', 'context list'],
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const format = formatFlag(flags, 'list')
    const quiet = flags.bool('quiet', 'q', false, 'Show names only')
    return async (cli) => {
      const wanted = quiet.value ? '{{.Name}}' : format.value || 'table'
      const text = new RowFormat(wanted === 'table' ? table : wanted)
      const rows = contexts(cli)
        .sort((a, b) => compareNatural(a.name, b.name))
        .map((context) => row(context, cli.contextName))
      cli.print(text.render(rows, headers, '*formatter.clientContextContext'))
      if (cli.env['DOCKER_HOST']) cli.printError(overrideWarning())
    }
  },
}

interface Listed {
  readonly name: string
  readonly description: string
  readonly host: string
  readonly error: string
}

/** Those of the store, the default one, and the one in use although it is not there. */
function contexts(cli: Cli): Listed[] {
  const stored = cli.contexts.list().map(({ Name, Metadata, Endpoints }) => ({
    name: Name,
    description: Metadata.Description ?? '',
    host: Endpoints['docker']?.Host ?? '',
    error: '',
  }))
  const plain = {
    name: defaultContext,
    description: 'Current DOCKER_HOST based configuration',
    host: cli.defaultHost,
    error: '',
  }
  const all = [plain, ...stored]
  if (all.some(({ name }) => name === cli.contextName)) return all
  return [...all, { name: cli.contextName, description: '', host: '', error: missing(cli) }]
}

function missing(cli: Cli): string {
  try {
    cli.contexts.get(cli.contextName)
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

function row({ name, description, host, error }: Listed, current: string): Row {
  return {
    Current: () => name === current,
    Description: () => description,
    DockerEndpoint: () => host,
    Error: () => error,
    Name: () => name,
  }
}
