import type { Context } from '../context.ts'
import type { MountRecord } from './mount-record.ts'

/**
 * Writes the ids of images that are to be mounted into the records; `hold` is told of each in the turn
 * of its look-up. Throws notFound `No such image: …`.
 */
export async function resolveMountedImages(
  ctx: Context,
  records: readonly MountRecord[],
  hold?: (imageId: string) => void,
): Promise<void> {
  for (const record of records) {
    if (record.type !== 'image' || record.overlay) continue
    // One that was taken over from another container is there by its id.
    const name = record.source || record.name
    record.source = (await ctx.images.resolve(name, undefined, hold)).id
  }
}
