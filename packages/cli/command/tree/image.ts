import { leaf } from './node.ts'
import type { Group } from './node.ts'

const inspect = leaf('Show all details of images', () => import('../image/inspect.ts'), 'images')
export const images = leaf('List images', () => import('../image/list.ts'), 'images')
const prune = leaf('Delete unused images', () => import('../image/prune.ts'))
export const pull = leaf('Fetch an image from a registry', () => import('../image/pull.ts'))
export const rmi = leaf('Delete images', () => import('../image/remove.ts'), 'images')
export const tag = leaf('Give an image another name', () => import('../image/tag.ts'), 'images')

export const image: Group = {
  kind: 'group',
  summary: 'Manage images',
  commands: { inspect, ls: images, prune, pull, rm: rmi, tag },
  aliases: { list: 'ls', remove: 'rm' },
}
