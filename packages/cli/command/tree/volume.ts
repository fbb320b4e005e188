import { leaf } from './node.ts'
import type { Group } from './node.ts'

export const volume: Group = {
  kind: 'group',
  summary: 'Manage volumes',
  commands: {
    create: leaf('Create a volume', () => import('../volume/create.ts')),
    inspect: leaf('Show all details of volumes', () => import('../volume/inspect.ts'), 'volumes'),
    ls: leaf('List volumes', () => import('../volume/list.ts')),
    prune: leaf('Delete volumes that no container uses', () => import('../volume/prune.ts')),
    rm: leaf('Delete volumes', () => import('../volume/remove.ts'), 'volumes'),
    update: leaf('Change a cluster volume', () => import('../volume/update.ts'), 'volumes'),
  },
  aliases: { list: 'ls', remove: 'rm' },
  use: 'COMMAND',
}
