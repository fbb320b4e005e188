import { leaf } from './node.ts'
import type { Group } from './node.ts'

export const attach = leaf(
  "Connect the terminal to a running container's streams",
  () => import('../container/attach.ts'),
  'running',
)
export const commit = leaf(
  'Make an image of a container and its changes',
  () => import('../container/commit.ts'),
  'containers',
)
export const cp = leaf(
  'Copy files between a container and the local file system',
  () => import('../container/copy.ts'),
  'files',
)
export const create = leaf(
  'Create a container without starting it',
  () => import('../container/create.ts'),
  'images',
)
export const diff = leaf(
  "Show what changed in a container's file system",
  () => import('../container/diff.ts'),
  'containers',
)
export const exec = leaf(
  'Run a command inside a running container',
  () => import('../container/exec.ts'),
  'running',
)
export const exportContainer = leaf(
  "Write a container's file system as a tar archive",
  () => import('../container/export.ts'),
  'containers',
)
const inspect = leaf(
  'Show all details of containers',
  () => import('../container/inspect.ts'),
  'containers',
)
export const kill = leaf(
  'Send a signal to running containers',
  () => import('../container/kill.ts'),
  'running',
)
export const logs = leaf(
  'Show the output of a container',
  () => import('../container/logs.ts'),
  'containers',
)
export const pause = leaf(
  'Freeze all processes of containers',
  () => import('../container/pause.ts'),
  'unpaused',
)
export const port = leaf(
  'List the published ports of a container',
  () => import('../container/port.ts'),
  'containers',
)
const prune = leaf('Delete all stopped containers', () => import('../container/prune.ts'))
export const ps = leaf('List containers', () => import('../container/list.ts'))
export const rename = leaf(
  'Give a container another name',
  () => import('../container/rename.ts'),
  'containers',
)
export const restart = leaf(
  'Stop and start containers',
  () => import('../container/restart.ts'),
  'containers',
)
export const rm = leaf('Delete containers', () => import('../container/remove.ts'), 'containers')
export const run = leaf(
  'Create a container from an image and start it',
  () => import('../container/run.ts'),
  'images',
)
export const start = leaf(
  'Start created or stopped containers',
  () => import('../container/start.ts'),
  'stopped',
)
export const stats = leaf(
  'Show live what containers use of the host',
  () => import('../container/stats.ts'),
  'running',
)
export const stop = leaf('Stop running containers', () => import('../container/stop.ts'), 'running')
export const top = leaf(
  'List the processes of a container',
  () => import('../container/top.ts'),
  'running',
)
export const unpause = leaf(
  'Let the processes of paused containers go on',
  () => import('../container/unpause.ts'),
  'paused',
)
export const update = leaf(
  'Change limits and restart policy of containers',
  () => import('../container/update.ts'),
  'containers',
)
export const wait = leaf(
  'Wait for containers to stop and print their exit codes',
  () => import('../container/wait.ts'),
  'running',
)

export const container: Group = {
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
    inspect,
    kill,
    logs,
    ls: ps,
    pause,
    port,
    prune,
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
