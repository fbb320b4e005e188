/**
 * The offer that an Accept header names itself (wildcards do not count), by its q, then by the
 * order of `offers`.
 */
export function accepts(header: string | undefined, offers: readonly string[]): string | undefined {
  const wanted = new Map<string, number>()
  for (const part of (header ?? '').split(',')) {
    const [type = '', ...parameters] = part.split(';').map((p) => p.trim().toLowerCase())
    const q = parameters.find((p) => p.startsWith('q='))
    wanted.set(type, q === undefined ? 1 : Number(q.slice(2)) || 0)
  }
  let best: string | undefined
  for (const offer of offers) {
    const q = wanted.get(offer) ?? 0
    if (q > (best === undefined ? 0 : (wanted.get(best) ?? 0))) best = offer
  }
  return best
}
