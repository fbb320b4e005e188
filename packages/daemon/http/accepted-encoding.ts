/**
 * The best of `offers` by the client's Accept-Encoding (RFC 9110, 12.5.3); undefined for none, also
 * where the client says nothing or likes `identity` better. Of equals the first offer wins.
 */
export function acceptedEncoding<Offer extends string>(
  header: string,
  offers: readonly Offer[],
): Offer | undefined {
  const weights = new Map<string, number>()
  for (const item of header.split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase())
    const q = parameters.find((parameter) => parameter.startsWith('q='))
    const weight = q === undefined ? 1 : Number(q.slice(2))
    if (name !== '') weights.set(name, Number.isFinite(weight) ? weight : 0)
  }
  const weightOf = (offer: string): number => weights.get(offer) ?? weights.get('*') ?? 0
  let best: Offer | undefined
  let bestWeight = weights.get('identity') ?? 0
  for (const offer of offers) {
    const weight = weightOf(offer)
    if (weight <= 0 || weight < bestWeight || (best !== undefined && weight === bestWeight))
      continue
    best = offer
    bestWeight = weight
  }
  return best
}
