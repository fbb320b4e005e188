import { isDeepStrictEqual } from 'node:util'
import type { ImageConfig } from '@tdocker/oci'

/** Whether a history goes on from another's by one step (moby tarexport/load.go, `checkValidParent`). */
export function isValidParent(image: ImageConfig, parent: ImageConfig): boolean {
  const [own, before] = [image.history ?? [], parent.history ?? []]
  if (own.length === 0 && before.length === 0) return true
  if (own.length - before.length !== 1) return false
  return before.every((step, at) => {
    const { created, ...rest } = own[at] ?? {}
    const { created: createdBefore, ...restBefore } = step
    return sameTime(created, createdBefore) && isDeepStrictEqual(rest, restBefore)
  })
}

function sameTime(a: string | undefined, b: string | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Date.parse(a) === Date.parse(b))
}
