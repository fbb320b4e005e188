/** Order of names as people count: `web2` before `web10` (fvbommel/sortorder's NaturalLess). */
export function compareNatural(a: string, b: string): number {
  const [left, right] = [chunks(a), chunks(b)]
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareChunk(left[i] as string, right[i] as string)
    if (order !== 0) return order
  }
  return left.length - right.length
}

function chunks(text: string): string[] {
  return text.match(/[0-9]+|[^0-9]/g) ?? []
}

function compareChunk(a: string, b: string): number {
  if (!/^[0-9]/.test(a) || !/^[0-9]/.test(b)) return a < b ? -1 : a > b ? 1 : 0
  const [x, y] = [BigInt(a), BigInt(b)]
  // Of equal numbers the one with fewer leading zeros comes first.
  return x < y ? -1 : x > y ? 1 : a.length - b.length
}
