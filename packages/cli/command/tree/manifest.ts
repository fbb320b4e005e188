import { leaf } from './node.ts'
import type { Group } from './node.ts'

export const manifest: Group = {
  kind: 'group',
  summary: 'Manage image manifests and manifest lists',
  commands: {
    annotate: leaf(
      'Set the platform of a manifest in a local list',
      () => import('../manifest/annotate.ts'),
    ),
    create: leaf(
      'Begin a manifest list, to be annotated and pushed',
      () => import('../manifest/create.ts'),
    ),
    inspect: leaf(
      'Show an image manifest or a manifest list',
      () => import('../manifest/inspect.ts'),
    ),
    push: leaf('Bring a manifest list to its registry', () => import('../manifest/push.ts')),
    rm: leaf('Delete local manifest lists', () => import('../manifest/remove.ts')),
  },
  aliases: {},
  use: 'COMMAND',
}
