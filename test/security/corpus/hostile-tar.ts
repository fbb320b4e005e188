/** What a hostile archive is made of, and the words to write them with. */
import type { TarEntry } from '../../integration/kernel/tar-maker.ts'

/** Where attacks aim: host paths that must stay as they are. */
export interface Targets {
  /** A directory with the file `secret`, the directory `sub` and the link `link`. */
  outside: string
  /** A process of the host, whose /proc an attack may name. */
  pid: number
}

/**
 * `taken`: the archive is unpacked, whatever of it is left out; `refused`: an error, and nothing stays.
 */
export type Verdict = 'taken' | 'refused'

export interface HostileTar {
  /** Unique, kebab-case. */
  name: string
  /** CVE, or what kind of thing is tried. */
  attack: string
  /** The archive, compressed or not. */
  build(at: Targets): Buffer
  /** As a layer: import, load, pull. */
  layer: Verdict
  /** As a layer that has others below it, where that makes a difference. */
  pull?: Verdict
  /** Into a container's directory: PUT archive. */
  live: Verdict
  /** Into a container, where overlay makes a difference. */
  put?: Verdict
  /** Bytes after decompression, where they are too many to be unpacked time and again. */
  long?: true
}

type Outcome = Partial<Pick<HostileTar, 'layer' | 'live' | 'long' | 'pull' | 'put'>>

/** Collects cases of one class of attack. `taken` by both unless told otherwise. */
export class Collection {
  readonly cases: HostileTar[] = []
  readonly #attack: string

  constructor(attack: string) {
    this.#attack = attack
  }

  add(name: string, build: HostileTar['build'] | Buffer, o: Outcome = {}): this {
    const made = typeof build === 'function' ? build : () => build
    this.cases.push({
      name,
      attack: this.#attack,
      build: made,
      layer: 'taken',
      live: 'taken',
      ...o,
    })
    return this
  }
}

export const REFUSED = { layer: 'refused', live: 'refused' } as const
export const LAYER_REFUSED = { layer: 'refused' } as const
export const LIVE_REFUSED = { live: 'refused' } as const

/** What attacks write; must never be found outside. */
export const MARK = 'tdocker-attack-was-here'

export const file = (name: string, o: Partial<TarEntry> = {}): TarEntry => ({
  name,
  content: MARK,
  mode: 0o666,
  uid: 7,
  gid: 7,
  ...o,
})
export const dir = (name: string, o: Partial<TarEntry> = {}): TarEntry => ({
  name,
  type: '5',
  mode: 0o777,
  uid: 7,
  gid: 7,
  mtime: 5,
  ...o,
})
export const symlink = (name: string, link: string, o: Partial<TarEntry> = {}): TarEntry => ({
  name,
  type: '2',
  link,
  mode: 0o777,
  ...o,
})
export const hardLink = (name: string, link: string, o: Partial<TarEntry> = {}): TarEntry => ({
  name,
  type: '1',
  link,
  mode: 0o666,
  uid: 7,
  gid: 7,
  ...o,
})
export const node = (
  name: string,
  type: '3' | '4',
  dev: readonly [number, number],
  o: Partial<TarEntry> = {},
): TarEntry => ({ name, type, dev, mode: 0o666, ...o })
export const fifo = (name: string, o: Partial<TarEntry> = {}): TarEntry => ({
  name,
  type: '6',
  mode: 0o666,
  ...o,
})

/** A long way up, and down again. */
export const up = (path: string): string => `${'../'.repeat(24)}${path.replace(/^\//, '')}`

export const xattrs = (names: readonly string[], value = 'evil'): Record<string, string> =>
  Object.fromEntries(names.map((name) => [`SCHILY.xattr.${name}`, value]))
