/** Answer of `POST /content/prune`: compressed layers that are no longer kept. */
export interface ContentPruneReport {
  /** Digests; null where there was nothing to give up, as prunes have it. */
  BlobsDeleted: string[] | null
  /** Bytes. */
  SpaceReclaimed: number
}

/** Answer of `POST /fsck`. */
export interface FsckReport {
  /** The layers were rebuilt and the blobs read again. */
  Deep: boolean
  /** Where the bytes of the data root are. */
  Owners: FsckOwner[]
  TotalBytes: number
  Findings: FsckFinding[]
}

export interface FsckOwner {
  /** database, reserve, layers, blobs, partials, containers, logs, volumes, daemon, unknown. */
  Owner: string
  Bytes: number
}

export interface FsckFinding {
  /**
   * `garbage`: bytes or rows of nobody; `missing`: a row without its content; `damaged`: content that is
   * not what its name says; `foreign`: a file that the engine does not make.
   */
  Kind: 'garbage' | 'missing' | 'damaged' | 'foreign'
  /** What it belongs to, or would: layer, blob, partial, document, image, container, volume, root. */
  Owner: string
  /** Path below the data root, or a row's key. */
  What: string
  Message: string
  /** Bytes of what is garbage. */
  Bytes: number
  /** Whether `repair` puts it right. */
  Repairable: boolean
  Repaired: boolean
  /** Why a repair failed. */
  Error?: string
}

/** An item of `GET /images/last-used`. */
export interface ImageLastUsed {
  Id: string
  /** RFC 3339. */
  LastUsed: string
}
