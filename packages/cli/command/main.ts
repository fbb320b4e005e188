import { FlagError, FlagSet } from '../flag/flag-set.ts'
import { StatusError } from './cli.ts'
import { checkArgs } from './command.ts'
import { defineGlobalFlags, hiddenHelp, ProcessCli } from './global.ts'
import { commandHelp, groupHelp, rootHelp, usageLine } from './help.ts'
import { checkNeeds } from './needs.ts'
import { clientVersion, programName } from './program.ts'
import { findCommand } from './tree.ts'
import type { Group, Leaf } from './tree/node.ts'

/** Runs one command line to its end and ends the process with its code. */
export async function main(args: readonly string[]): Promise<void> {
  // The reader of our output went away (`tdocker ps | head -1`): not an error worth a word.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(1)
    throw error
  })
  let code = 0
  try {
    await runLine(args)
  } catch (error) {
    code = report(error)
  }
  await Promise.all([drain(process.stdout), drain(process.stderr)])
  process.exit(code)
}

function report(error: unknown): number {
  const { message } = error as Error
  if (message) process.stderr.write(`${message}\n`)
  return error instanceof StatusError ? error.code : 1
}

/**
 * Until what was written is written. Bun answers an empty write at once, whatever waits, so there it
 * is the end that tells; Node's end would shut a socket down that others write to after us.
 */
function drain(stream: NodeJS.WriteStream): Promise<void> {
  const isBun = process.versions['bun'] !== undefined
  return new Promise((resolve) => {
    if (isBun) stream.end(() => resolve())
    else stream.write('', () => resolve())
  })
}

async function runLine(args: readonly string[]): Promise<void> {
  const flags = new FlagSet()
  const globals = defineGlobalFlags(flags, process.env)
  const words = parseOrExplain(
    flags,
    args,
    `${programName} [OPTIONS] COMMAND [ARG...]`,
    programName,
  )
  const cli = new ProcessCli(globals, process.env, process)
  if (globals.version.value) {
    cli.print(`${programName} version ${clientVersion}\n`)
    return
  }
  const [first, second] = words
  if (first === '__complete' || first === '__completeNoDesc') {
    const { complete } = await import('./completion/complete.ts')
    const descriptions = first === '__complete'
    return complete(words.slice(1), process, { env: process.env, descriptions })
  }
  if (first === 'help' && second !== undefined) return dispatch(cli, [...words.slice(1), '--help'])
  if (first === undefined && !globals.help.value)
    return cli.printError(rootHelp(flags, helpWidth()))
  if (first === undefined || first === 'help' || globals.help.value) {
    return cli.print(rootHelp(flags, helpWidth()))
  }
  try {
    await dispatch(cli, words)
  } finally {
    cli.close()
  }
}

async function dispatch(cli: ProcessCli, words: readonly string[]): Promise<void> {
  const found = findCommand(words)
  if (!found) throw unknownCommand(words[0] as string)
  const { path, node, rest } = found
  return node.kind === 'group' ? showGroup(cli, path, node, rest) : runLeaf(cli, path, node, rest)
}

function showGroup(cli: ProcessCli, name: string, group: Group, rest: readonly string[]): void {
  const help = rest.some((word) => word === '--help' || word === '-h')
  const [word] = rest
  if (help) return cli.print(groupHelp(name, group))
  if (word === undefined) return cli.printError(groupHelp(name, group))
  if (word.startsWith('-')) {
    parseOrExplain(new FlagSet(), rest, `${programName} ${name}`, `${programName} ${name}`)
  }
  throw new StatusError(
    1,
    `${programName}: unknown command: ${programName} ${name} ${word}\n\n` +
      `Usage:  ${programName} ${name}${group.use ? ` ${group.use}` : ''}\n\n` +
      `Run '${programName} ${name} --help' for more information`,
  )
}

function unknownCommand(word: string): StatusError {
  return new StatusError(
    1,
    `${programName}: unknown command: ${programName} ${word}\n\n` +
      `Run '${programName} --help' for more information`,
  )
}

async function runLeaf(cli: ProcessCli, path: string, leaf: Leaf, rest: string[]): Promise<void> {
  const { command } = await leaf.load()
  const flags = new FlagSet()
  flags.interspersed = command.stopAtArgument !== true
  const action = command.define(flags)
  const help = flags.flags.get('help') ?? hiddenHelp(flags)
  const usage = usageLine(path, command)
  const name = `${programName} ${path}`
  const positional = parseOrExplain(flags, rest, usage, name)
  for (const notice of flags.deprecations) cli.print(`${notice}\n`)
  if (help.value === true) return cli.print(commandHelp(path, command, flags, helpWidth()))
  const refusal = command.accepts?.(positional)
    ? undefined
    : checkArgs(command.args, positional.length)
  if (refusal) {
    const verb = command.args.kind === 'atLeast' ? 'See' : 'Run'
    throw new StatusError(
      1,
      `${programName}: '${name}' ${refusal}\n\nUsage:  ${usage}\n\n` +
        `${verb} '${name} --help' for more information`,
    )
  }
  if (flags.needs.size > 0) await checkNeeds(cli, flags)
  await action(cli, positional)
}

function parseOrExplain(
  flags: FlagSet,
  args: readonly string[],
  usage: string,
  name: string,
): string[] {
  try {
    return flags.parse(args)
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    throw new StatusError(
      125,
      `${error.message}\n\nUsage:  ${usage}\n\nRun '${name} --help' for more information`,
    )
  }
}

function helpWidth(): number {
  return (process.stdout.isTTY ? process.stdout.columns : 80) - 1
}
