import { leaf } from './node.ts'
import type { Group } from './node.ts'

export const context: Group = {
  kind: 'group',
  summary: 'Manage contexts',
  commands: {
    create: leaf('Create a context', () => import('../context/create.ts')),
    inspect: leaf(
      'Show all details of contexts',
      () => import('../context/inspect.ts'),
      'contexts',
    ),
    ls: leaf('List contexts', () => import('../context/list.ts')),
    rm: leaf('Delete contexts', () => import('../context/remove.ts'), 'contexts'),
    show: leaf('Print the name of the context in use', () => import('../context/show.ts')),
    use: leaf('Use a context from now on', () => import('../context/use.ts'), 'contexts'),
  },
  aliases: { list: 'ls', remove: 'rm' },
}
