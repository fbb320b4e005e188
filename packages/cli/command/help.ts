import type { FlagSet } from '../flag/flag-set.ts'
import { flagUsages } from '../flag/usage.ts'
import type { Command } from './command.ts'
import { programName } from './program.ts'
import { sections } from './tree.ts'
import type { Group } from './tree/node.ts'

/** Help page of one verb. */
export function commandHelp(path: string, command: Command, flags: FlagSet, width: number): string {
  const options = flagUsages(flags, width)
  return [
    `Usage:  ${usageLine(path, command)}\n${otherForms(path, command)}`,
    `${command.short}\n`,
    ...((command.aliases ?? []).length > 0
      ? [`Aliases:\n  ${command.aliases?.map((alias) => `${programName} ${alias}`).join(', ')}\n`]
      : []),
    ...(options === '' ? [] : [`Options:\n${options}`]),
  ].join('\n')
}

export function usageLine(path: string, command: Command): string {
  return `${programName} ${path} ${command.use}`.trimEnd()
}

function otherForms(path: string, { uses = [] }: Command): string {
  return uses.map((use) => `        ${programName} ${path} ${use}\n`).join('')
}

/** Help page of a noun. */
export function groupHelp(name: string, group: Group): string {
  return [
    `Usage:  ${programName} ${name} COMMAND\n`,
    `${group.summary}\n`,
    `Commands:\n${commandTable(group.commands)}`,
    `Run '${programName} ${name} COMMAND --help' for more information on a command.\n`,
  ].join('\n')
}

/** The first help page: everything there is. */
export function rootHelp(flags: FlagSet, width: number): string {
  return [
    `Usage:  ${programName} [OPTIONS] COMMAND\n`,
    'A container engine that speaks the Docker API\n',
    ...sections.map(({ title, nodes }) => `${title}:\n${commandTable(nodes)}`),
    `Global Options:\n${flagUsages(flags, width)}`,
    `Run '${programName} COMMAND --help' for more information on a command.\n`,
  ].join('\n')
}

function commandTable(nodes: Readonly<Record<string, { readonly summary: string }>>): string {
  return Object.entries(nodes)
    .map(([name, { summary }]) => `  ${name.padEnd(11)} ${summary}\n`)
    .join('')
}
