import type { FlagSet } from '../../flag/flag-set.ts'
import { envValue } from '../../flag/spec/environment.ts'
import { checkDetachKeys } from '../../terminal/escape.ts'
import { startSession } from '../../terminal/session.ts'
import { checkTty, followTerminalSize, terminalSize } from '../../terminal/tty.ts'
import type { Cli } from '../cli.ts'
import { StatusError } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { containerPath } from './lifecycle.ts'
import { environmentOf } from './request.ts'

interface ExecOptions {
  readonly detach: boolean
  readonly detachKeys: string
  readonly interactive: boolean
  readonly tty: boolean
  readonly body: Record<string, unknown>
}

export const command: Command = {
  use: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  short: 'Run a command inside a running container',
  aliases: ['container exec', 'exec'],
  args: { kind: 'atLeast', count: 2 },
  stopAtArgument: true,
  define(flags: FlagSet): Action {
    const detach = flags.bool('detach', 'd', false, 'Leave the command in the background')
    const detachKeys = flags.string('detach-keys', '', '', 'Keys that detach from the command')
    const env = flags.list(
      'env',
      'e',
      'Set an environment variable',
      envValue((name) => process.env[name]),
    )
    const envFile = flags.list('env-file', '', 'Set the environment variables that a file lists')
    const interactive = flags.bool('interactive', 'i', false, 'Keep STDIN open, attached or not')
    const privileged = flags.bool(
      'privileged',
      '',
      false,
      'Give the command all privileges of the host',
    )
    const tty = flags.bool('tty', 't', false, 'Give the command a pseudo-TTY')
    const user = flags.string('user', 'u', '', 'User name or ID ("<name|uid>[:<group|gid>]")')
    const workdir = flags.string('workdir', 'w', '', 'Working directory inside the container')
    return (cli, [container = '', ...words]) => {
      const attached = !detach.value
      const keys = detachKeys.value || cli.config.data.detachKeys || ''
      checkDetachKeys(detachKeys.value)
      return exec(cli, container, {
        detach: detach.value,
        detachKeys: keys,
        interactive: interactive.value,
        tty: tty.value,
        body: {
          Detach: detach.value,
          User: user.value,
          Privileged: privileged.value,
          Tty: tty.value,
          AttachStdin: attached && interactive.value,
          AttachStdout: attached,
          AttachStderr: attached,
          DetachKeys: keys,
          Env: environmentOf(envFile.value, env.value, cli.env),
          WorkingDir: workdir.value,
          Cmd: words,
        },
      })
    }
  },
}

async function exec(cli: Cli, container: string, options: ExecOptions): Promise<void> {
  const { body, detach, tty } = options
  // An exec cannot be taken back: look whether there is a container, and a terminal, before.
  await cli.client.get(`${containerPath(container)}/json`)
  if (!detach) checkTty(cli, body['AttachStdin'] === true, tty)
  const { height, width } = terminalSize(cli.stdout)
  const size = tty ? { ConsoleSize: [height, width] } : {}
  const { Id } = await cli.client.call<{ Id: string }>('POST', `${containerPath(container)}/exec`, {
    body: { ...body, ...size },
  })
  if (!Id) throw new Error('exec ID empty')
  const start = { Detach: detach, Tty: tty, ...size }
  if (detach) {
    await cli.client.run('POST', `/exec/${Id}/start`, { body: start })
    return
  }
  await follow(cli, Id, options, start)
}

async function follow(cli: Cli, id: string, options: ExecOptions, start: object): Promise<void> {
  const { tty } = options
  const connection = await cli.client.hijack(`/exec/${id}/start`, { body: start })
  const session = startSession({
    connection,
    tty,
    detachKeys: options.detachKeys,
    stdin: options.interactive ? cli.stdin : undefined,
    stdout: cli.stdout,
    stderr: tty ? cli.stdout : cli.stderr,
  })
  const stopResizing = tty && cli.stdin.isTTY ? followTerminalSize(cli, `/exec/${id}`) : () => {}
  try {
    await session.done
  } finally {
    stopResizing()
  }
  const { ExitCode } = await cli.client.get<{ ExitCode: number | null }>(`/exec/${id}/json`)
  if (ExitCode) throw new StatusError(ExitCode)
}
