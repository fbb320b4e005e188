const BLOCK = 512
const CHECKSUM = { at: 148, length: 8 }

/** Whether the first block of something is a tar's: a header of any kind, or zeros (an empty archive). */
export function looksLikeTar(head: Uint8Array): boolean {
  if (head.length < BLOCK) return false
  const block = head.subarray(0, BLOCK)
  if (block.every((byte) => byte === 0)) return true
  const { at, length } = CHECKSUM
  const text = Buffer.from(block.subarray(at, at + length)).toString('latin1')
  const stated = parseInt(text.replaceAll(/[\0 ]/g, ''), 8)
  const sum = block.reduce(
    (total, byte, i) => total + (i < at || i >= at + length ? byte : 0x20),
    0,
  )
  return sum === stated
}
