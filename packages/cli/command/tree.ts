import * as c from './tree/container.ts'
import { context } from './tree/context.ts'
import {
  build,
  builder,
  history,
  image,
  images,
  importImage,
  load,
  pull,
  push,
  rmi,
  save,
  tag,
} from './tree/image.ts'
import { manifest } from './tree/manifest.ts'
import { network } from './tree/network.ts'
import type { Node } from './tree/node.ts'
import * as s from './tree/system.ts'
import { volume } from './tree/volume.ts'

/** Sections of the top help page, in the order they are shown. */
export const sections: ReadonlyArray<{
  readonly title: string
  readonly nodes: Readonly<Record<string, Node>>
}> = [
  {
    title: 'Common Commands',
    nodes: {
      run: c.run,
      exec: c.exec,
      ps: c.ps,
      build,
      pull,
      push,
      images,
      search: s.search,
      login: s.login,
      logout: s.logout,
      version: s.version,
      info: s.info,
    },
  },
  {
    title: 'Management Commands',
    nodes: {
      builder,
      completion: s.completion,
      container: c.container,
      context,
      image,
      manifest,
      network,
      plugin: s.plugin,
      system: s.system,
      volume,
    },
  },
  {
    title: 'Commands',
    nodes: {
      attach: c.attach,
      commit: c.commit,
      cp: c.cp,
      create: c.create,
      diff: c.diff,
      events: s.events,
      export: c.exportContainer,
      history,
      import: importImage,
      inspect: s.inspect,
      kill: c.kill,
      load,
      logs: c.logs,
      pause: c.pause,
      port: c.port,
      rename: c.rename,
      restart: c.restart,
      rm: c.rm,
      rmi,
      save,
      start: c.start,
      stats: c.stats,
      stop: c.stop,
      tag,
      top: c.top,
      unpause: c.unpause,
      update: c.update,
      wait: c.wait,
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
