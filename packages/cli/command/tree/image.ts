import { leaf } from './node.ts'
import type { Group } from './node.ts'

export const history = leaf(
  'Show how an image was made',
  () => import('../image/history.ts'),
  'images',
)
export const build = leaf(
  'Build an image from a Dockerfile',
  () => import('../build/build.ts'),
  'files',
)
export const builder: Group = {
  kind: 'group',
  summary: 'Manage builds',
  commands: {
    build,
    du: leaf('Show what the build cache holds', () => import('../builder/usage.ts')),
    inspect: leaf(
      'Show what a build did; the last one without an ID',
      () => import('../builder/inspect.ts'),
      'builds',
    ),
    ls: leaf('List builds that ran and those at work', () => import('../builder/list.ts')),
    prune: leaf('Remove what the build cache holds', () => import('../builder/prune.ts')),
  },
  aliases: { list: 'ls' },
}
export const importImage = leaf(
  'Make an image of a file system in a tar archive',
  () => import('../image/import.ts'),
  'files',
)
export const load = leaf('Read images from a tar archive', () => import('../image/load.ts'))
export const push = leaf('Bring an image to a registry', () => import('../image/push.ts'), 'images')
export const save = leaf(
  'Write images as a tar archive',
  () => import('../image/save.ts'),
  'images',
)
const inspect = leaf('Show all details of images', () => import('../image/inspect.ts'), 'images')
export const images = leaf('List images', () => import('../image/list.ts'), 'images')
const prune = leaf('Delete unused images', () => import('../image/prune.ts'))
export const pull = leaf('Fetch an image from a registry', () => import('../image/pull.ts'))
export const rmi = leaf('Delete images', () => import('../image/remove.ts'), 'images')
export const tag = leaf('Give an image another name', () => import('../image/tag.ts'), 'images')

export const image: Group = {
  kind: 'group',
  summary: 'Manage images',
  commands: {
    build,
    history,
    import: importImage,
    inspect,
    load,
    ls: images,
    prune,
    pull,
    push,
    rm: rmi,
    save,
    tag,
  },
  aliases: { list: 'ls', remove: 'rm' },
}
