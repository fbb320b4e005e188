/**
 * Waits for steps that run side by side until all are done, also when one fails: what the others
 * made is then known and can be undone. Throws the first error in order.
 */
export async function settleAll<A, B, C, D>(
  a: Promise<A>,
  b: Promise<B>,
  c: Promise<C>,
  d: Promise<D>,
): Promise<[A, B, C, D]> {
  await Promise.allSettled([a, b, c, d])
  return Promise.all([a, b, c, d])
}
