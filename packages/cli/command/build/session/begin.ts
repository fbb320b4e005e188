/** What a build's flags offer to the daemon beside the request. */
import type { Cli } from '../../cli.ts'
import { agentsOf } from './agents.ts'
import { openSession } from './open.ts'
import { readSecret, secretSources } from './secrets.ts'

export interface BuildSession extends AsyncDisposable {
  readonly id: string
}

export interface Offered {
  /** Values of `--secret`. */
  readonly secrets: readonly string[]
  /** Values of `--ssh`. */
  readonly ssh: readonly string[]
  /** Directories of `--build-context`, by the name the daemon asks for. */
  readonly directories: ReadonlyMap<string, string>
}

/** Throws where the daemon cannot take what it is offered. */
export async function beginSession(cli: Cli, o: Offered): Promise<BuildSession> {
  const secrets = secretSources(o.secrets, cli.env)
  const session = await openSession(cli.client, {
    secret: (id) => {
      const source = secrets.get(id)
      return source && readSecret(source, cli.env)
    },
    agents: agentsOf(o.ssh, cli.env),
    directories: new Map(),
  })
  if (!session) {
    const flag = o.secrets.length > 0 ? '--secret' : o.ssh.length > 0 ? '--ssh' : '--build-context'
    throw new Error(`${flag} needs a daemon of tdocker: this one has no build sessions`)
  }
  return { id: session.id, [Symbol.asyncDispose]: async () => session.close() }
}
