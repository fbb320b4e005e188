import type { BuildSummary, ContainerSummary, ImageSummary } from '@tdocker/api'
import type { Cli } from '../cli.ts'
import type { Completes } from '../tree/node.ts'

/** What a word may become: the word, and what it is. */
export interface Candidate {
  readonly word: string
  readonly description?: string
}

const states: Readonly<Record<string, readonly string[]>> = {
  running: ['running', 'paused', 'restarting'],
  stopped: ['created', 'exited', 'dead'],
  paused: ['paused'],
  unpaused: ['running', 'restarting'],
}

/** Asks the daemon for the names of what there is; a daemon that cannot say has none. */
export async function namesOf(cli: Cli, kind: Completes): Promise<readonly Candidate[]> {
  try {
    return await sources[kind](cli)
  } catch {
    return []
  }
}

const sources: Readonly<Record<Completes, (cli: Cli) => Promise<readonly Candidate[]>>> = {
  containers: (cli) => containers(cli),
  running: (cli) => containers(cli, 'running'),
  stopped: (cli) => containers(cli, 'stopped'),
  paused: (cli) => containers(cli, 'paused'),
  unpaused: (cli) => containers(cli, 'unpaused'),
  images,
  builds: async (cli) =>
    (await cli.client.get<BuildSummary[]>('/build/history')).map(({ Id, Name }) => ({
      word: Id.slice(0, 12),
      description: Name,
    })),
  networks: async (cli) => named(await cli.client.get<Named[]>('/networks')),
  volumes: async (cli) =>
    named((await cli.client.get<{ Volumes: Named[] | null }>('/volumes')).Volumes),
  plugins: async (cli) => named(await cli.client.get<Named[]>('/plugins')),
  objects: async (cli) => [
    ...(await namesOf(cli, 'containers')),
    ...(await namesOf(cli, 'images')),
    ...(await namesOf(cli, 'networks')),
    ...(await namesOf(cli, 'volumes')),
  ],
  contexts: async ({ contexts }) =>
    [{ Name: 'default' }, ...contexts.list()].map(({ Name }) => ({ word: Name })),
  files: async () => [],
}

interface Named {
  readonly Name: string
}

const named = (list: readonly Named[] | null): Candidate[] =>
  (list ?? []).map(({ Name }) => ({ word: Name }))

async function containers(cli: Cli, which?: keyof typeof states): Promise<Candidate[]> {
  const found = await cli.client.get<ContainerSummary[]>('/containers/json', {
    query: { all: true },
  })
  return found
    .filter(({ State }) => which === undefined || states[which]?.includes(State))
    .flatMap(({ Names, Image, Status }) => {
      const own = (Names ?? []).find((name) => name.lastIndexOf('/') === 0)
      return own ? [{ word: own.slice(1), description: `${Image} · ${Status}` }] : []
    })
}

async function images(cli: Cli): Promise<Candidate[]> {
  const found = await cli.client.get<ImageSummary[]>('/images/json')
  return found
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter((name) => name !== '<none>:<none>')
    .map((word) => ({ word }))
}
