import { arch } from 'node:os'
import type { FlagSet } from '../../flag/flag-set.ts'
import { formatFlag } from '../../flag/kinds.ts'
import { tabulate } from '../../format/table.ts'
import { Template } from '../../format/template/template.ts'
import { asStruct, toJson } from '../../format/template/value.ts'
import { ansicTime } from '../../format/units.ts'
import type { Cli } from '../cli.ts'
import { StatusError } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { clientVersion, maxApiVersion } from '../program.ts'

interface Component {
  readonly Name: string
  readonly Version: string
  readonly Details?: Readonly<Record<string, string>>
}

interface ServerVersion extends Readonly<Record<string, unknown>> {
  readonly Platform?: { readonly Name?: string }
  readonly Version: string
  readonly ApiVersion: string
  readonly MinAPIVersion?: string
  readonly BuildTime?: string
  readonly Components?: readonly Component[]
}

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Show the versions of client and daemon',
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const format = formatFlag(flags, 'inspect', 'f')
    return (cli) => version(cli, format.value)
  },
}

/** The client's part is shown also where no daemon answers; that is then the error. */
async function version(cli: Cli, format: string): Promise<void> {
  const template = format === '' || format === 'json' ? undefined : parse(format)
  let failure: unknown
  let server: ServerVersion | undefined
  try {
    server = await cli.client.get<ServerVersion>('/version')
  } catch (error) {
    failure = error
  }
  const client = await describeClient(cli, server !== undefined)
  if (format === '') cli.print(page(client, server))
  else printFormatted(cli, () => formatted(template, client, server))
  if (failure) throw failure
}

/** Docker ends the line also where the template failed. */
function printFormatted(cli: Cli, text: () => string): void {
  try {
    cli.print(text())
  } finally {
    cli.print('\n')
  }
}

function parse(format: string): Template {
  try {
    return new Template(format, 'version')
  } catch (error) {
    throw new StatusError(64, `template parsing error: ${(error as Error).message}`)
  }
}

type ClientVersion = Readonly<Record<string, string>>

async function describeClient(cli: Cli, connected: boolean): Promise<ClientVersion> {
  return {
    Version: clientVersion,
    ApiVersion: connected ? await cli.client.version() : maxApiVersion,
    DefaultAPIVersion: maxApiVersion,
    Runtime: process.versions['bun'] ? `Bun ${process.versions['bun']}` : `Node ${process.version}`,
    Os: process.platform,
    Arch: arch() === 'x64' ? 'amd64' : arch(),
    Context: cli.contextName,
  }
}

function formatted(
  template: Template | undefined,
  client: ClientVersion,
  server?: ServerVersion,
): string {
  const described = server ? { ...server, Components: components(server) } : null
  if (!template) return toJson({ Client: client, Server: described })
  const api = { APIVersion: client['ApiVersion'], ...client }
  const engine = server ? { APIVersion: server.ApiVersion, ...described } : null
  return template.execute(asStruct({ Client: api, Server: engine }), {
    typeName: 'system.versionInfo',
  })
}

function page(client: ClientVersion, server?: ServerVersion): string {
  const downgraded =
    client['ApiVersion'] === client['DefaultAPIVersion']
      ? ''
      : ` (downgraded from ${client['DefaultAPIVersion']})`
  const lines = [
    'Client:',
    ` Version:\t${client['Version']}`,
    ` API version:\t${client['ApiVersion']}${downgraded}`,
    ` Runtime:\t${client['Runtime']}`,
    ` OS/Arch:\t${client['Os']}/${client['Arch']}`,
    ` Context:\t${client['Context']}`,
  ]
  const text = [...lines, ...(server ? ['', ...serverLines(server)] : [])].join('\n')
  return tabulate(`${text}\n`, { minWidth: 20, padding: 1 })
}

function serverLines(server: ServerVersion): string[] {
  const name = server.Platform?.Name
  return [name ? `Server: ${name}` : 'Server:', ...components(server).flatMap(componentLines)]
}

/** Old daemons list no components: they are the engine. */
function components(server: ServerVersion): readonly Component[] {
  const listed = (server.Components ?? []).map(readableBuildTime)
  if (listed.some(({ Name }) => Name === 'Engine')) return listed
  const { ApiVersion, MinAPIVersion = '' } = server
  const detail = (key: string): string => String(server[key] ?? '')
  return [
    ...listed,
    {
      Name: 'Engine',
      Version: server.Version,
      Details: { ApiVersion, MinAPIVersion, Os: detail('Os'), Arch: detail('Arch') },
    },
  ]
}

function readableBuildTime(component: Component): Component {
  const { BuildTime } = component.Details ?? {}
  if (BuildTime === undefined) return component
  return { ...component, Details: { ...component.Details, BuildTime: ansicTime(BuildTime) } }
}

function componentLines({ Name, Version, Details = {} }: Component): string[] {
  const head = [` ${Name}:`, `  Version:\t${Version}`]
  if (Name !== 'Engine') {
    return [
      ...head,
      ...Object.keys(Details)
        .sort()
        .map((key) => `  ${key}:\t${Details[key]}`),
    ]
  }
  const detail = (key: string): string => Details[key] ?? ''
  return [
    ...head,
    `  API version:\t${detail('ApiVersion')} (minimum version ${detail('MinAPIVersion')})`,
    `  Go version:\t${detail('GoVersion')}`,
    `  Git commit:\t${detail('GitCommit')}`,
    `  Built:\t${detail('BuildTime')}`,
    `  OS/Arch:\t${detail('Os')}/${detail('Arch')}`,
    `  Experimental:\t${detail('Experimental')}`,
  ]
}
