import { posix } from 'node:path'
import type { Mount } from '@tdocker/api'

/** One mount of a container as decided at create. */
export interface MountRecord {
  type: 'bind' | 'volume' | 'tmpfs' | 'image'
  /** Volume name; of an image what it was asked for by. */
  name: string
  /** Host path of a bind; of a volume its mountpoint; of an image its id. */
  source: string
  /** Cleaned path inside; of an image's or the user's `VOLUME` it may be relative, to the root. */
  destination: string
  driver: string
  /** The mode field of a bind string, as written. */
  mode: string
  readWrite: boolean
  propagation: string
  /** Anonymous volumes go with `rm -v`. */
  anonymous: boolean
  /** Copy the image's directory into an empty volume. */
  copyData: boolean
  /** A missing source of a bind is made (`-v`) or refused (`--mount`). */
  createSource: boolean
  recursive: boolean
  recursiveReadonly: boolean
  /** Of a volume or image: what of it is mounted; absent for all. */
  subpath?: string
  /** How ids of its files are seen, as `parseIdmap` reads it. */
  idmap?: string
  /** The propagation is ours, for a source around the data root: it gives way where it cannot be. */
  yieldingPropagation?: true
  tmpfs?: NonNullable<Mount['TmpfsOptions']>
  /** Of a tmpfs: what the image has there is hidden. */
  hides?: true
  /** In place of an image: directories, topmost first, and where writes to them go. */
  overlay?: { lowers: readonly string[]; directory: string }
}

/** Where it is mounted. */
export function targetOf({ destination }: Pick<MountRecord, 'destination'>): string {
  return destination.startsWith('/') ? destination : posix.join('/', destination)
}
