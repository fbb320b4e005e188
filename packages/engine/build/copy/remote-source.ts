/** What ADD takes from elsewhere: known by a digest before it is here, so that a cached step fetches nothing. */
import type { Tree } from './tree.ts'

export interface RemoteSource {
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
