import { text } from 'node:stream/consumers'
import type { Flag, FlagSet } from '../../flag/flag-set.ts'
import { ApiError } from '../../client/errors.ts'
import { authFor, hasHelper, hubKey, storeAuth } from '../../client/credentials.ts'
import type { Auth } from '../../client/credentials.ts'
import { ask, askSecret } from '../../terminal/prompt.ts'
import type { Cli } from '../cli.ts'
import type { Action, Command } from '../command.ts'
import { serverKey } from './server.ts'

interface Credentials {
  readonly username: string
  readonly password: string
}

export const command: Command = {
  use: '[OPTIONS] [SERVER]',
  short: 'Sign in to a registry.\nWithout a server it is Docker Hub.',
  args: { kind: 'atMost', count: 1 },
  define(flags: FlagSet): Action {
    const password = flags.string('password', 'p', '', 'Password or personal access token')
    const stdin = flags.bool('password-stdin', '', false, 'Read the password from STDIN')
    const username = flags.string('username', 'u', '', 'User name')
    return async (cli, [server = '']) => {
      checkFlags({ username, password, stdin })
      const given = await readPassword(cli, {
        password: password.value,
        username: username.value,
        stdin: stdin.value,
      })
      await login(cli, serverKey(server), given)
    }
  },
}

function checkFlags(o: {
  username: Flag<string>
  password: Flag<string>
  stdin: Flag<boolean>
}): void {
  const { username, password, stdin } = o
  if (stdin.changed && password.changed) {
    throw new Error('conflicting options: cannot specify both --password and --password-stdin')
  }
  if (stdin.changed && !username.changed) {
    throw new Error('the --password-stdin option requires --username to be set')
  }
  if (username.changed && username.value === '') throw new Error('username is empty')
  if (password.changed && password.value === '') throw new Error('password is empty')
}

async function readPassword(
  cli: Cli,
  given: Credentials & { readonly stdin: boolean },
): Promise<Credentials> {
  const { username, password } = given
  if (password !== '') {
    cli.printError('WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n')
  }
  if (!given.stdin) return { username, password }
  return { username, password: (await text(cli.stdin)).replace(/\r?\n$/, '') }
}

async function login(cli: Cli, key: string, given: Credentials): Promise<void> {
  const known =
    given.username === '' && given.password === '' ? await authFor(cli.config.data, key) : undefined
  // A token that was got by a login is no password to log in with.
  if (known?.username && known.password) {
    cli.printError(`Authenticating with existing credentials... [Username: ${known.username}]\n\n`)
    try {
      return await signIn(cli, key, { username: known.username, password: known.password })
    } catch (error) {
      const isRefused = error instanceof ApiError && error.status === 401
      cli.printError(
        isRefused
          ? 'Stored credentials invalid or expired\n'
          : `Login did not succeed, error: ${(error as Error).message}\n`,
      )
    }
  }
  await signIn(cli, key, await complete(cli, key, given, known?.username ?? ''))
}

/** Asks for what is missing. */
async function complete(cli: Cli, key: string, given: Credentials, known: string): Promise<Auth> {
  if ((given.username === '' || given.password === '') && !cli.stdin.isTTY) {
    throw new Error('Error: Cannot perform an interactive login from a non TTY device')
  }
  const shown = key === hubKey ? 'Docker Hub' : key
  if (given.username === '') cli.print(`Sign in to ${shown}.\n`)
  const question = known === '' ? 'Username: ' : `Username (${known}): `
  const username = given.username || (await ask(cli, question)).trim() || known
  if (username === '') throw new Error('Error: Non-null Username Required')
  const password = given.password || (await askSecret(cli, 'Password: '))
  if (password === '') throw new Error('Error: Password Required')
  return { username, password }
}

async function signIn(cli: Cli, key: string, auth: Auth): Promise<void> {
  const body = { ...auth, serveraddress: key }
  const answer = await cli.client.call<{ Status?: string; IdentityToken?: string }>(
    'POST',
    '/auth',
    { body },
  )
  const { IdentityToken: token, Status } = answer
  try {
    await storeAuth(
      cli.config,
      key,
      token ? { username: auth.username ?? '', identitytoken: token } : auth,
    )
  } catch (error) {
    throw new Error(`Error saving credentials: ${(error as Error).message}`)
  }
  if (!token && !hasHelper(cli.config.data, key)) {
    cli.printError(
      `\nWARNING! Your credentials are stored unencrypted in '${cli.config.path}'.\n` +
        'Configure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n',
    )
  }
  if (Status) cli.print(`${Status}\n`)
}
