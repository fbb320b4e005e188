import type { FlagSet } from '../../flag/flag-set.ts'
import { formatFlag } from '../../flag/kinds.ts'
import { infoLines } from '../../format/info.ts'
import type { SystemInfo } from '../../format/info.ts'
import { Template } from '../../format/template/template.ts'
import { asStruct, toJson } from '../../format/template/value.ts'
import type { Cli } from '../cli.ts'
import { StatusError } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { clientVersion, maxApiVersion } from '../program.ts'

export const command: Command = {
  use: '[OPTIONS]',
  short: 'Show the state of the daemon and its host',
  aliases: ['system info', 'info'],
  args: { kind: 'none' },
  define(flags: FlagSet): Action {
    const format = formatFlag(flags, 'inspect', 'f')
    return (cli) => (format.value === '' ? showPage(cli) : showFormatted(cli, format.value))
  },
}

const clientInfo = (cli: Cli): object => ({
  Debug: false,
  Version: clientVersion,
  DefaultAPIVersion: maxApiVersion,
  Os: process.platform,
  Context: cli.contextName,
  Plugins: [],
  Warnings: null,
})

async function showPage(cli: Cli): Promise<void> {
  cli.print(
    `Client:\n Version:    ${clientVersion}\n Context:    ${cli.contextName}\n Debug Mode: false\n\nServer:\n`,
  )
  let info: SystemInfo
  try {
    info = await cli.client.get<SystemInfo>('/info')
  } catch (error) {
    cli.printError(`ERROR: ${(error as Error).message}\n`)
    throw new Error('errors pretty printing info')
  }
  cli.print(`${infoLines(info).join('\n')}\n\n`)
  for (const warning of info.Warnings ?? []) cli.printError(`${warning}\n`)
}

async function showFormatted(cli: Cli, format: string): Promise<void> {
  const template = format === 'json' ? undefined : parse(format)
  const info = await cli.client.get<SystemInfo>('/info')
  const data = asStruct({ ...info, ClientInfo: clientInfo(cli) })
  try {
    cli.print(
      template
        ? template.execute(data, { strict: true, typeName: 'system.dockerInfo' })
        : toJson(data),
    )
  } finally {
    cli.print('\n')
  }
}

function parse(format: string): Template {
  try {
    return new Template(format)
  } catch (error) {
    throw new StatusError(64, `template parsing error: ${(error as Error).message}`)
  }
}
