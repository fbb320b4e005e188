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
    current = madeOf(records, current, current === image)
  }
  return newestFirst
}

/**
 * What a build gives back may be its last step once more, with other times or fields: that step is none
 * before it. Such images are `newest` or have no `container_config`; others are not looked at.
 */
function madeOf(
  records: ImageRecords,
  image: ImageRecord,
  newest: boolean,
): ImageRecord | undefined {
  const parent = image.parentId === undefined ? undefined : records.find(image.parentId)
  if (!parent) return undefined
  if (!newest && records.config(image.id).container_config !== undefined) return parent
  const isSame = stepsOf(records, parent) === stepsOf(records, image)
  return isSame ? madeOf(records, parent, newest) : parent
}

function stepsOf(records: ImageRecords, { id }: ImageRecord): number {
  return records.config(id).history?.length ?? 0
}

function secondsOf(time: string | undefined): number {
  const ms = Date.parse(time ?? '')
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000)
}
