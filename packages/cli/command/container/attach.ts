import type { ContainerInspectResponse } from '@tdocker/api'
import type { FlagSet } from '../../flag/flag-set.ts'
import { checkDetachKeys } from '../../terminal/escape.ts'
import { startSession } from '../../terminal/session.ts'
import { proxySignals } from '../../terminal/signals.ts'
import { checkTty, followTerminalSize, resizeTo, terminalSize } from '../../terminal/tty.ts'
import type { Cli } from '../cli.ts'
import { StatusError } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { attachTo, containerPath } from './lifecycle.ts'

interface AttachOptions {
  readonly detachKeys: string
  readonly stdin: boolean
  readonly sigProxy: boolean
}

export const command: Command = {
  use: '[OPTIONS] CONTAINER',
  short: "Connect the terminal to a running container's streams",
  aliases: ['container attach', 'attach'],
  args: { kind: 'exactly', count: 1 },
  define(flags: FlagSet): Action {
    const detachKeys = flags.string('detach-keys', '', '', 'Keys that detach from the container')
    const noStdin = flags.bool('no-stdin', '', false, 'Leave STDIN alone')
    const sigProxy = flags.bool('sig-proxy', '', true, 'Pass signals on to the process')
    return (cli, [name = '']) => {
      const keys = detachKeys.value || cli.config.data.detachKeys || ''
      checkDetachKeys(keys)
      return attach(cli, name, {
        detachKeys: keys,
        stdin: !noStdin.value,
        sigProxy: sigProxy.value,
      })
    }
  },
}

async function attach(cli: Cli, name: string, options: AttachOptions): Promise<void> {
  // Before anything else: a container that ends and is removed meanwhile cannot be asked any more.
  const exit = cli.client.call<{ StatusCode: number; Error?: { Message?: string } | null }>(
    'POST',
    `${containerPath(name)}/wait`,
  )
  exit.catch(() => {})
  const container = await runningContainer(cli, name)
  const { Id: id, Config } = container
  const tty = Config.Tty === true
  checkTty(cli, options.stdin, tty)
  const stdin = options.stdin && Config.OpenStdin === true
  const stopProxy = options.sigProxy && !tty ? proxySignals(cli, id) : () => {}
  const connection = await attachTo(cli, id, {
    stdin,
    stdout: true,
    stderr: true,
    detachKeys: options.detachKeys,
  })
  // It may have stopped in between, and then this connection would never end.
  await runningContainer(cli, id)
  const stopResizing = tty && cli.stdout.isTTY ? await nudgeSize(cli, containerPath(id)) : () => {}
  const session = startSession({
    connection,
    tty,
    detachKeys: options.detachKeys,
    stdin: stdin ? cli.stdin : undefined,
    stdout: cli.stdout,
    stderr: cli.stderr,
  })
  try {
    await session.done
  } finally {
    stopResizing()
    stopProxy()
  }
  const result = await exit
  if (result.Error?.Message) throw new Error(result.Error.Message)
  if (result.StatusCode !== 0) throw new StatusError(result.StatusCode)
}

async function runningContainer(cli: Cli, name: string): Promise<ContainerInspectResponse> {
  const container = await cli.client.get<ContainerInspectResponse>(`${containerPath(name)}/json`)
  if (!container.State.Running)
    throw new Error('cannot attach to a stopped container, start it first')
  if (container.State.Paused)
    throw new Error('cannot attach to a paused container, unpause it first')
  if (container.State.Restarting) {
    throw new Error('cannot attach to a restarting container, wait until it is running')
  }
  return container
}

/** A shell draws its prompt again only when the size changes: set another one first. */
async function nudgeSize(cli: Cli, path: string): Promise<() => void> {
  const { height, width } = terminalSize(cli.stdout)
  await resizeTo(cli, path, { height: height + 1, width: width + 1 })
  return followTerminalSize(cli, path)
}
