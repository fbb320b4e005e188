/** The CLIs that have to behave the same, and a shell in which a user's lines run with each. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandResult, type TestDaemon, hasProgram } from '../lib/test-daemon.ts'

const root = join(import.meta.dirname, '../..')
const compiled = join(root, 'packages/cli/dist/tdocker')

export interface Client {
  name: string
  /** Program and leading arguments. */
  command: readonly [string, ...string[]]
  /** Why its tests cannot run here. */
  skip?: string
}

export const docker: Client = {
  name: 'docker',
  command: ['docker'],
  ...(hasProgram('docker') ? {} : { skip: 'no docker CLI on the PATH' }),
}

export const fromSources: Client = {
  name: 'tdocker from sources',
  command: [process.execPath, join(root, 'packages/cli/main.ts')],
}

const isCompiled = existsSync(compiled)

export const fromExecutable: Client = {
  name: 'tdocker compiled',
  command: [compiled],
  ...(isCompiled ? {} : { skip: 'no packages/cli/dist/tdocker: run scripts/build-cli' }),
}

/** The stock CLI, and ours as it is installed. */
export const clients: readonly Client[] = [docker, isCompiled ? fromExecutable : fromSources]

/** Quotes for a POSIX shell. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}

/**
 * Runs shell lines in which `docker` is the client. `running NAME` waits until a container runs,
 * `ended NAME` until it does not.
 */
export function runLines(
  daemon: TestDaemon,
  client: Client,
  lines: string,
  input?: string,
): Promise<CommandResult> {
  const script = `
    docker() { command ${client.command.map(quote).join(' ')} "$@"; }
    state() { until [ "$(docker inspect -f '{{.State.Running}}' $1 2>/dev/null)" = $2 ]
      do sleep 0.02; done; }
    running() { state $1 true; }
    ended() { state $1 false; }
    ${lines}`
  return daemon.command('timeout', ['-s', 'KILL', '15', 'sh', '-c', script], input)
}

/** Removes every container, so that the next client meets an empty daemon. */
export async function removeContainers(daemon: TestDaemon): Promise<void> {
  const { body } = await daemon.api.get<Array<{ Id: string }>>('/containers/json?all=1')
  await Promise.all(body.map(({ Id }) => daemon.api.delete(`/containers/${Id}?force=1&v=1`)))
}

/** And every volume. */
export async function removeEverything(daemon: TestDaemon): Promise<void> {
  await removeContainers(daemon)
  await daemon.api.post(`/volumes/prune?filters=${encodeURIComponent('{"all":["true"]}')}`)
}
