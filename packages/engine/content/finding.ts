/** One thing that is not as rows and files should be. */
export interface Finding {
  /**
   * `garbage`: bytes or rows of nobody. `missing`: a row without its content. `damaged`: content that is
   * not what its name says. `foreign`: a file that the engine does not make.
   */
  kind: 'garbage' | 'missing' | 'damaged' | 'foreign'
  /** layer, blob, partial, document, image, container, volume or root. */
  owner: string
  /** Path below the data root, or the row's key. */
  what: string
  /** A sentence for people. */
  message: string
  /** Bytes that a repair frees; 0 where it is only rows. */
  bytes: number
  /** Absent where only the owner of the data can decide. */
  repair?: () => Promise<void>
}
