/** Files that are copied: a tree, or what is known of one. */
import type { FileStat } from '@tdocker/kernel/native.ts'
import type { HashedEntry } from './content-digest.ts'

export interface SourceTree extends Disposable {
  /** Of a tree that never changes: digests of what was copied from it, by what was asked. */
  readonly digests?: Map<string, string>
  /** Names in a directory; empty where there is none. */
  list(path: string): Promise<string[]>
  /** What the path leads to, links followed within the tree; undefined when nothing is there. */
  stat(path: string): Promise<SourceStat | undefined>
  /** The same, pinned, to be read; the caller disposes of it. */
  open(path: string): Promise<(Disposable & { fd: number; stat: FileStat }) | undefined>
  /** A tar of what the path leads to: a directory's entries stand alone, a file has `name`. */
  pack(path: string, o: PackOptions): AsyncIterable<Uint8Array>
  /** What such a tar holds. */
  entries(path: string, o: PackOptions): AsyncIterable<HashedEntry>
}

/** Owner and time are only told where files are read. */
export type SourceStat = Pick<FileStat, 'type' | 'mode'> &
  Partial<Pick<FileStat, 'uid' | 'gid' | 'mtimeNs'>>

export interface PackOptions {
  /** Of a file; a directory has none. */
  name: string | undefined
  signal: AbortSignal
}
