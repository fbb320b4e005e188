import type { ContainerInspectResponse } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import type { Query } from '../../client/client.ts'
import { checkDetachKeys } from '../../terminal/escape.ts'
import { DetachError, startSession } from '../../terminal/session.ts'
import { proxySignals } from '../../terminal/signals.ts'
import { followTerminalSize } from '../../terminal/tty.ts'
import type { Cli } from '../cli.ts'
import { StatusError } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { attachTo, containerPath, waitForExit } from './lifecycle.ts'

interface AttachOptions {
  readonly interactive: boolean
  readonly detachKeys: string
  readonly query: Query
}

export const command: Command = {
  use: '[OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Start created or stopped containers',
  aliases: ['container start', 'start'],
  args: { kind: 'atLeast', count: 1 },
  define(flags: FlagSet): Action {
    const attach = flags.bool('attach', 'a', false, 'Show its output and pass signals on to it')
    const checkpoint = flags.string('checkpoint', '', '', 'Go on from this checkpoint')
    const checkpointDir = flags.string('checkpoint-dir', '', '', 'Where the checkpoints are')
    const detachKeys = flags.string('detach-keys', '', '', 'Keys that detach from the container')
    const interactive = flags.bool('interactive', 'i', false, "Connect STDIN to the container's")
    return (cli, names) => {
      const keys = detachKeys.value || cli.config.data.detachKeys || ''
      checkDetachKeys(keys)
      const query = {
        checkpoint: checkpoint.value || undefined,
        'checkpoint-dir': checkpointDir.value || undefined,
      }
      if (checkpoint.value && names.length > 1) {
        throw new Error('you cannot restore multiple containers at once')
      }
      if (!attach.value && !interactive.value) return startAll(cli, names, query)
      if (names.length > 1) {
        throw new Error('you cannot start and attach multiple containers at once')
      }
      return startAttached(cli, names[0] as string, {
        interactive: interactive.value,
        detachKeys: keys,
        query,
      })
    }
  },
}

async function startAll(cli: Cli, names: readonly string[], query: Query): Promise<void> {
  const failed: string[] = []
  for (const name of names) {
    try {
      await cli.client.run('POST', `${containerPath(name)}/start`, { query })
      cli.print(`${name}\n`)
    } catch (error) {
      cli.printError(`${(error as Error).message}\n`)
      failed.push(name)
    }
  }
  if (failed.length > 0) throw new Error(`Error: failed to start containers: ${failed.join(', ')}`)
}

async function startAttached(cli: Cli, name: string, options: AttachOptions): Promise<void> {
  const container = await cli.client.get<ContainerInspectResponse>(`${containerPath(name)}/json`)
  const tty = container.Config.Tty === true
  const stopProxy = tty ? () => {} : proxySignals(cli, container.Id)
  try {
    await follow(cli, container, options, tty)
  } finally {
    stopProxy()
  }
}

async function follow(
  cli: Cli,
  container: ContainerInspectResponse,
  { interactive, detachKeys, query }: AttachOptions,
  tty: boolean,
): Promise<void> {
  const { Id: id, HostConfig } = container
  const stdin = interactive && container.Config.OpenStdin === true
  const connection = await attachTo(cli, id, { stdin, stdout: true, stderr: true, detachKeys })
  const exit = waitForExit(cli, id, HostConfig.AutoRemove ? 'removed' : 'next-exit')
  await exit.registered.catch(() => {})
  const session = startSession({
    connection,
    tty,
    detachKeys,
    stdin: stdin ? cli.stdin : undefined,
    stdout: cli.stdout,
    stderr: cli.stderr,
  })
  try {
    await cli.client.run('POST', `${containerPath(id)}/start`, { query })
  } catch (error) {
    session.close()
    if (HostConfig.AutoRemove) await exit.code
    throw error
  }
  const stopResizing =
    tty && cli.stdout.isTTY ? followTerminalSize(cli, containerPath(id)) : () => {}
  try {
    await session.done
  } catch (error) {
    if (error instanceof DetachError) return
    throw error
  } finally {
    stopResizing()
  }
  const code = await exit.code
  if (code !== 0) throw new StatusError(code)
}
