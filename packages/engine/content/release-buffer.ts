/**
 * Gives the memory of a piece back at once. Pieces of blobs live for a moment and lie outside V8's
 * heap, which collects them only when some 64 MB of them have gathered: most of what a pull took.
 *
 * Only for whoever owns the piece and is done with it: every other view of its memory is empty then.
 * Nothing happens to a piece that is a part of something larger.
 */
export function releaseBuffer({ buffer, byteLength }: Uint8Array): void {
  const whole = byteLength > 0 && buffer.byteLength === byteLength
  if (whole && buffer instanceof ArrayBuffer) buffer.transfer(0)
}
