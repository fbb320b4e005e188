/**
 * Waits for steps that run side by side until all are done, also when one fails: what the others
 * made is then known and can be undone. Throws the first error in order.
 */
export async function settleAll<T extends ReadonlyArray<Promise<unknown>>>(
  steps: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(steps)
  return Promise.all(steps)
}
