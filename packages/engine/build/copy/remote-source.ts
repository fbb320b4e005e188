/** What ADD takes from elsewhere: known by a digest before it is here, so that a cached step fetches nothing. */
import type { Tree } from './tree.ts'

export type RemoteSource = RemoteContent & Placed

export interface Placed {
  /** Twice the number of the context's sources before it: what comes later overwrites. */
  place: number
}

export interface RemoteContent {
  /** Of all that counts; as moby's history names it. */
  digest: string
  /** Fetches it where that was not done yet. The caller disposes of the tree. */
  open(): Promise<RemoteTree>
}

export interface RemoteTree {
  tree: Tree
  /** In the tree: a file, or a directory whose content is meant. */
  path: string
}
