/** All hostile archives that are small enough to be tried everywhere. */
import type { HostileTar } from './hostile-tar.ts'
import { format } from './format.ts'
import { links } from './links.ts'
import { packedArchives } from './packed.ts'
import { special } from './special.ts'
import { traversal } from './traversal.ts'

export const corpus: readonly HostileTar[] = [
  ...traversal,
  ...links,
  ...special,
  ...format,
  ...packedArchives,
]

const names = corpus.map(({ name }) => name)
const twice = names.filter((name, at) => names.indexOf(name) !== at)
if (twice.length > 0) throw new Error(`two archives of one name: ${twice.join()}`)
