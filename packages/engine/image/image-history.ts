import type { ImageHistoryResponseItem } from '@tdocker/api'
import { familiarString } from '@tdocker/oci'
import { system } from '../base/errors.ts'
import type { ImageRecord, ImageRecords } from './image-records.ts'

/**
 * `GET /images/{name}/history`, newest step first (moby: daemon/images/image_history.go): the steps of
 * the config, with the ids of the images that are here for them.
 */
export function imageHistory(
  records: ImageRecords,
  image: ImageRecord,
): ImageHistoryResponseItem[] {
  const layers = records.layers(image.id)
  const steps = records.config(image.id).history ?? []
  let used = 0
  const items = steps.map((step) => {
    if (!step.empty_layer && used === layers.length)
      throw system('too many non-empty layers in History section')
    return {
      Id: '<missing>',
      Created: secondsOf(step.created),
      CreatedBy: step.created_by ?? '',
      // Go's nil list.
      Tags: null as string[] | null,
      Size: step.empty_layer ? 0 : (layers[used++]?.size ?? 0),
      Comment: step.comment ?? '',
    }
  })
  const newestFirst = items.toReversed()
  let current: ImageRecord | undefined = image
  for (const item of newestFirst) {
    if (!current) break
    item.Id = current.id
    const tags = records.references(current.id).filter((r) => r.tag !== undefined)
    if (tags.length > 0) item.Tags = tags.map(familiarString)
    current = current.parentId === undefined ? undefined : records.find(current.parentId)
  }
  return newestFirst
}

function secondsOf(time: string | undefined): number {
  const ms = Date.parse(time ?? '')
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000)
}
