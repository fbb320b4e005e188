/** What a build's flags offer to the daemon beside the request. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { IgnoreMatcher, parseIgnoreFile } from '@tdocker/api/dockerignore.ts'
import type { Cli } from '../../cli.ts'
import type { LocalDirectory } from '../context.ts'
import { agentsOf } from './agents.ts'
import { openSession } from './open.ts'
import { cacheDirectory, RememberedDigests } from './remembered-digests.ts'
import { readSecret, secretSources } from './secrets.ts'
import { sendDirectory } from './send-directory.ts'

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
  /** What is built from, where it is a directory. */
  readonly context: LocalDirectory | undefined
}

/** undefined where the daemon cannot, and can do without. */
export async function beginSession(cli: Cli, o: Offered): Promise<BuildSession | undefined> {
  const secrets = secretSources(o.secrets, cli.env)
  const directories = new Map(
    [...o.directories].map(([name, path]) => [name, sender(cli, path, ignoredIn(path))]),
  )
  if (o.context) directories.set('context', sender(cli, o.context.root, o.context.ignored))
  const session = await openSession(cli.client, {
    secret: (id) => {
      const source = secrets.get(id)
      return source && readSecret(source, cli.env)
    },
    agents: agentsOf(o.ssh, cli.env),
    directories,
    files: o.context?.files ?? new Map(),
  })
  if (session) return { id: session.id, [Symbol.asyncDispose]: async () => session.close() }
  const given: Array<[string, number]> = [
    ['--secret', o.secrets.length],
    ['--ssh', o.ssh.length],
    ['--build-context', o.directories.size],
  ]
  const needed = given.find(([, count]) => count > 0)
  if (!needed) return undefined
  throw new Error(`${needed[0]} needs a daemon of tdocker: this one has no build sessions`)
}

function sender(
  cli: Cli,
  root: string,
  ignored: readonly string[],
): (stream: Duplex) => Promise<void> {
  const matcher = new IgnoreMatcher(ignored)
  return (stream) => {
    const digests = new RememberedDigests(cacheDirectory(cli.env), root)
    return sendDirectory(stream, { root, matcher }, digests)
  }
}

function ignoredIn(directory: string): string[] {
  const path = join(directory, '.dockerignore')
  return existsSync(path) ? parseIgnoreFile(readFileSync(path, 'utf8')) : []
}
