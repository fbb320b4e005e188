import { leaf } from './node.ts'
import type { Group } from './node.ts'

export const network: Group = {
  kind: 'group',
  summary: 'Manage networks',
  commands: {
    connect: leaf(
      'Connect a container to a network',
      () => import('../network/connect.ts'),
      'networks',
      'containers',
    ),
    create: leaf('Create a network', () => import('../network/create.ts')),
    disconnect: leaf(
      'Disconnect a container from a network',
      () => import('../network/disconnect.ts'),
      'networks',
      'containers',
    ),
    inspect: leaf(
      'Show all details of networks',
      () => import('../network/inspect.ts'),
      'networks',
    ),
    ls: leaf('List networks', () => import('../network/list.ts')),
    prune: leaf('Delete networks that no container uses', () => import('../network/prune.ts')),
    rm: leaf('Delete networks', () => import('../network/remove.ts'), 'networks'),
  },
  aliases: { list: 'ls', remove: 'rm' },
}
