import { leaf } from './node.ts'
import type { Group } from './node.ts'

export const events = leaf('Follow what happens in the daemon', () => import('../system/events.ts'))
export const info = leaf(
  'Show the state of the daemon and its host',
  () => import('../system/info.ts'),
)
export const inspect = leaf(
  'Show all details of containers, images and other objects',
  () => import('../system/inspect.ts'),
  'objects',
)
export const version = leaf(
  'Show the versions of client and daemon',
  () => import('../system/version.ts'),
)
export const login = leaf('Sign in to a registry', () => import('../registry/login.ts'))
export const search = leaf('Look for images in a registry', () => import('../registry/search.ts'))
export const logout = leaf('Sign out of a registry', () => import('../registry/logout.ts'))

export const system: Group = {
  kind: 'group',
  summary: 'Manage the daemon',
  commands: {
    df: leaf(
      'Show how much room images, containers and volumes take',
      () => import('../system/df.ts'),
    ),
    events,
    fsck: leaf(
      'Check that every byte of the data root has an owner and every row its content',
      () => import('../system/fsck.ts'),
    ),
    info,
    prune: leaf('Delete what is not used', () => import('../system/prune.ts')),
  },
  aliases: {},
}

export const plugin: Group = {
  kind: 'group',
  summary: 'Manage plugins',
  commands: {
    inspect: leaf('Show all details of plugins', () => import('../plugin/inspect.ts'), 'plugins'),
    ls: leaf('List plugins', () => import('../plugin/list.ts')),
  },
  aliases: { list: 'ls' },
}

export const completion: Group = {
  kind: 'group',
  summary: 'Print the script that lets a shell complete command lines',
  commands: {
    bash: leaf('Script for bash', () => import('../completion/bash.ts')),
    fish: leaf('Script for fish', () => import('../completion/fish.ts')),
    zsh: leaf('Script for zsh', () => import('../completion/zsh.ts')),
  },
  aliases: {},
  use: 'COMMAND',
}
