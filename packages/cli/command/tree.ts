import type { Command } from './command.ts'

/** A verb whose code is loaded when it is called. */
export interface Leaf {
  readonly kind: 'leaf'
  readonly summary: string
  readonly load: () => Promise<{ readonly command: Command }>
}

/** A noun with verbs under it. */
export interface Group {
  readonly kind: 'group'
  readonly summary: string
  readonly commands: Readonly<Record<string, Leaf>>
  /** Other names of its verbs: `container ps` is `container ls`. */
  readonly aliases: Readonly<Record<string, string>>
}

export type Node = Leaf | Group

const leaf = (summary: string, load: Leaf['load']): Leaf => ({ kind: 'leaf', summary, load })

const attach = leaf(
  "Connect the terminal to a running container's streams",
  () => import('./container/attach.ts'),
)
const create = leaf('Create a container without starting it', () => import('./container/create.ts'))
const exec = leaf('Run a command inside a running container', () => import('./container/exec.ts'))
const inspectContainer = leaf(
  'Show all details of containers',
  () => import('./container/inspect.ts'),
)
const kill = leaf('Send a signal to running containers', () => import('./container/kill.ts'))
const logs = leaf('Show the output of a container', () => import('./container/logs.ts'))
const ps = leaf('List containers', () => import('./container/list.ts'))
const rename = leaf('Give a container another name', () => import('./container/rename.ts'))
const restart = leaf('Stop and start containers', () => import('./container/restart.ts'))
const rm = leaf('Delete containers', () => import('./container/remove.ts'))
const run = leaf(
  'Create a container from an image and start it',
  () => import('./container/run.ts'),
)
const start = leaf('Start created or stopped containers', () => import('./container/start.ts'))
const stop = leaf('Stop running containers', () => import('./container/stop.ts'))
const top = leaf('List the processes of a container', () => import('./container/top.ts'))
const wait = leaf(
  'Wait for containers to stop and print their exit codes',
  () => import('./container/wait.ts'),
)
const commit = leaf(
  'Make an image of a container and its changes',
  () => import('./container/commit.ts'),
)
const cp = leaf(
  'Copy files between a container and the local file system',
  () => import('./container/copy.ts'),
)
const diff = leaf('Show what changed in a container', () => import('./container/diff.ts'))
const exportContainer = leaf(
  'Write the file system of a container as a tar archive',
  () => import('./container/export.ts'),
)
const pause = leaf('Freeze all processes of containers', () => import('./container/pause.ts'))
const port = leaf('List the published ports of a container', () => import('./container/port.ts'))
const pruneContainers = leaf('Delete all stopped containers', () => import('./container/prune.ts'))
const stats = leaf(
  'Show live what containers use of the host',
  () => import('./container/stats.ts'),
)
const unpause = leaf(
  'Let the processes of paused containers go on',
  () => import('./container/unpause.ts'),
)
const update = leaf(
  'Change limits and restart policy of containers',
  () => import('./container/update.ts'),
)

const inspectImage = leaf('Show all details of images', () => import('./image/inspect.ts'))
const images = leaf('List images', () => import('./image/list.ts'))
const pull = leaf('Fetch an image from a registry', () => import('./image/pull.ts'))
const rmi = leaf('Delete images', () => import('./image/remove.ts'))
const tag = leaf('Give an image another name', () => import('./image/tag.ts'))

const events = leaf('Follow what happens in the daemon', () => import('./system/events.ts'))
const info = leaf('Show the state of the daemon and its host', () => import('./system/info.ts'))
const inspect = leaf(
  'Show all details of containers, images and other objects',
  () => import('./system/inspect.ts'),
)
const version = leaf('Show the versions of client and daemon', () => import('./system/version.ts'))

const login = leaf('Sign in to a registry', () => import('./registry/login.ts'))
const logout = leaf('Sign out of a registry', () => import('./registry/logout.ts'))

const container: Group = {
  kind: 'group',
  summary: 'Manage containers',
  commands: {
    attach,
    commit,
    cp,
    create,
    diff,
    exec,
    export: exportContainer,
    inspect: inspectContainer,
    kill,
    logs,
    ls: ps,
    pause,
    port,
    prune: pruneContainers,
    rename,
    restart,
    rm,
    run,
    start,
    stats,
    stop,
    top,
    unpause,
    update,
    wait,
  },
  aliases: { list: 'ls', ps: 'ls', remove: 'rm' },
}

const image: Group = {
  kind: 'group',
  summary: 'Manage images',
  commands: { inspect: inspectImage, ls: images, pull, rm: rmi, tag },
  aliases: { list: 'ls', remove: 'rm' },
}

const system: Group = {
  kind: 'group',
  summary: 'Manage the daemon',
  commands: { events, info },
  aliases: {},
}

/** Sections of the top help page, in the order they are shown. */
export const sections: ReadonlyArray<{
  readonly title: string
  readonly nodes: Readonly<Record<string, Node>>
}> = [
  {
    title: 'Common Commands',
    nodes: { run, exec, ps, pull, images, login, logout, version, info },
  },
  { title: 'Management Commands', nodes: { container, image, system } },
  {
    title: 'Commands',
    nodes: {
      attach,
      commit,
      cp,
      create,
      diff,
      events,
      export: exportContainer,
      inspect,
      kill,
      logs,
      pause,
      port,
      rename,
      restart,
      rm,
      rmi,
      start,
      stats,
      stop,
      tag,
      top,
      unpause,
      update,
      wait,
    },
  },
]

export interface Found {
  /** The words that name the command: `container ls`. */
  readonly path: string
  readonly node: Node
  readonly rest: string[]
}

/** Finds the command the words begin with; undefined where there is none. */
export function findCommand(words: readonly string[]): Found | undefined {
  const [first, second] = words
  const node = sections.map(({ nodes }) => own(nodes, first)).find((found) => found !== undefined)
  if (first === undefined || node === undefined) return undefined
  if (node.kind === 'leaf') return { path: first, node, rest: words.slice(1) }
  const name = second === undefined ? undefined : (own(node.aliases, second) ?? second)
  const verb = own(node.commands, name)
  if (verb === undefined) return { path: first, node, rest: words.slice(1) }
  return { path: `${first} ${name}`, node: verb, rest: words.slice(2) }
}

function own<T>(table: Readonly<Record<string, T>>, key: string | undefined): T | undefined {
  return key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined
}
