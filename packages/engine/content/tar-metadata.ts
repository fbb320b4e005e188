/** What is needed of a layer's tar metadata beside rebuilding; its format: addon/kernel/tar-metadata.md. */

const HEADER = { magic: Buffer.from('TDTM\x01'), size: 6 }
const INCOMPLETE = 1
const END = 'E'.charCodeAt(0)
const HIGH_BIT = 0x80

/**
 * Size of the whole tar in bytes, and whether its files alone cannot make it again. Throws when the
 * metadata is damaged.
 */
export function openTarMetadata(metadata: Uint8Array): { size: number; incomplete: boolean } {
  const { magic, size } = HEADER
  if (metadata.length < size || !magic.equals(metadata.subarray(0, magic.length))) throw damaged()
  return { size: sizeAtEnd(metadata), incomplete: metadata[size - 1] === INCOMPLETE }
}

/** The end record is a tag and a varint; of that all bytes but the last have the high bit. */
function sizeAtEnd(metadata: Uint8Array): number {
  let at = metadata.length - 1
  let value = metadata[at] ?? HIGH_BIT
  if (value >= HIGH_BIT) throw damaged()
  for (let byte = metadata[--at] ?? 0; byte >= HIGH_BIT; byte = metadata[--at] ?? 0) {
    value = value * HIGH_BIT + (byte - HIGH_BIT)
  }
  if (metadata[at] !== END || !Number.isSafeInteger(value)) throw damaged()
  return value
}

function damaged(): Error {
  return new Error('tar metadata is damaged')
}
