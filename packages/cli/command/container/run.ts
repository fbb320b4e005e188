import type { FlagSet } from '../../flag/flag-set.ts'
import { checkDetachKeys } from '../../terminal/escape.ts'
import { DetachError, startSession } from '../../terminal/session.ts'
import type { Session } from '../../terminal/session.ts'
import { proxySignals } from '../../terminal/signals.ts'
import { checkTty, followTerminalSize } from '../../terminal/tty.ts'
import type { Cli } from '../cli.ts'
import { StatusError } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { createContainer, requestOf, statusOf } from './creation.ts'
import { attachTo, containerPath, waitForExit } from './lifecycle.ts'
import { containerFlags } from './options.ts'
import type { ContainerFlags } from './options.ts'
import type { CreateRequest } from './request.ts'

interface RunFlags extends ContainerFlags {
  readonly dryRun: { readonly value: boolean }
  readonly detach: { readonly value: boolean }
  readonly sigProxy: { readonly value: boolean }
  readonly detachKeys: { readonly value: string }
}

export const command: Command = {
  use: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  short: 'Create a container from an image and start it',
  aliases: ['container run', 'run'],
  args: { kind: 'atLeast', count: 1 },
  stopAtArgument: true,
  define(flags: FlagSet): Action {
    const all: RunFlags = {
      ...containerFlags(flags, 'run'),
      detach: flags.bool(
        'detach',
        'd',
        false,
        'Leave the container in the background and print its ID',
      ),
      dryRun: flags.bool('dry-run', '', false, 'Show what would be made, and make nothing'),
      sigProxy: flags.bool('sig-proxy', '', true, 'Pass signals on to the process'),
      detachKeys: flags.string('detach-keys', '', '', 'Keys that detach from the container'),
    }
    return (cli, args) => run(cli, all, args)
  },
}

async function run(cli: Cli, flags: RunFlags, args: readonly string[]): Promise<void> {
  const request = requestOf(cli, flags, args, 'run')
  if (flags.dryRun.value) return showDryRun(cli, flags, request)
  const { config } = request
  if (flags.detach.value) detachConfig(flags, request)
  else checkTty(cli, config.AttachStdin === true, config.Tty === true)
  const detachKeys = flags.detachKeys.value || cli.config.data.detachKeys || ''
  checkDetachKeys(flags.detachKeys.value)
  const id = await createContainer(cli, flags, request).catch((error: unknown) => {
    throw statusOf(error, 'run')
  })
  const stopProxy = flags.sigProxy.value ? proxySignals(cli, id) : () => {}
  try {
    await startAndFollow(cli, id, flags, request, detachKeys)
  } finally {
    stopProxy()
  }
}

async function showDryRun(cli: Cli, flags: RunFlags, request: CreateRequest): Promise<void> {
  const { dryRun } = await import('./dry-run.ts')
  await dryRun(cli, flags, request).catch((error: unknown) => {
    throw statusOf(error, 'run')
  })
}

function detachConfig(flags: RunFlags, { config }: CreateRequest): void {
  if (flags.process.attach.value.length > 0) {
    throw new Error('conflicting options: cannot specify both --attach and --detach')
  }
  config.AttachStdin = false
  config.AttachStdout = false
  config.AttachStderr = false
  config.StdinOnce = false
}

/**
 * Attach and wait stand before start: whatever the process writes, and however soon it ends,
 * nothing is lost.
 */
async function startAndFollow(
  cli: Cli,
  id: string,
  flags: RunFlags,
  { config }: CreateRequest,
  detachKeys: string,
): Promise<void> {
  const streams = {
    stdin: config.AttachStdin === true,
    stdout: config.AttachStdout === true,
    stderr: config.AttachStderr === true,
  }
  const attached = streams.stdin || streams.stdout || streams.stderr
  if (!attached) return startDetached(cli, id)
  const tty = config.Tty === true
  const connection = await attachTo(cli, id, { ...streams, detachKeys })
  const exit = waitForExit(cli, id, flags.metadata.rm.value ? 'removed' : 'next-exit')
  await exit.registered.catch(() => {})
  const session = startSession({
    connection,
    tty,
    detachKeys,
    stdin: streams.stdin ? cli.stdin : undefined,
    stdout: streams.stdout ? cli.stdout : undefined,
    stderr: streams.stderr ? (tty ? cli.stdout : cli.stderr) : undefined,
  })
  try {
    await cli.client.run('POST', `${containerPath(id)}/start`)
  } catch (error) {
    session.close()
    // The daemon removes what never ran; the next command should not find it.
    if (flags.metadata.rm.value) await exit.code
    throw statusOf(error, 'run')
  }
  const stopResizing =
    tty && cli.stdout.isTTY ? followTerminalSize(cli, containerPath(id)) : () => {}
  try {
    await follow(session, exit.code, streams.stdout || streams.stderr)
  } finally {
    stopResizing()
  }
}

async function startDetached(cli: Cli, id: string): Promise<void> {
  cli.print(`${id}\n`)
  try {
    await cli.client.run('POST', `${containerPath(id)}/start`)
  } catch (error) {
    throw statusOf(error, 'run')
  }
}

/** Until the output has ended and the exit code is known, or the user detaches. */
async function follow(session: Session, exitCode: Promise<number>, output: boolean): Promise<void> {
  if (!output) void exitCode.then(() => session.close())
  try {
    await session.done
  } catch (error) {
    if (error instanceof DetachError) return
    throw error
  }
  const code = await exitCode
  if (code !== 0) throw new StatusError(code)
}
