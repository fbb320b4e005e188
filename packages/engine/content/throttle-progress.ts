import type { LayerProgress } from './layer-puller.ts'

/** How often progress of one layer is told. */
const PROGRESS_INTERVAL_MS = 100

/** Passes every change of status, and repeats of one at most every 100 ms. */
export function throttleProgress(
  tell: (progress: LayerProgress) => void,
): (progress: LayerProgress) => void {
  let status = ''
  let at = 0
  return (progress) => {
    const now = performance.now()
    if (progress.status === status && now - at < PROGRESS_INTERVAL_MS) return
    status = progress.status
    at = now
    tell(progress)
  }
}
