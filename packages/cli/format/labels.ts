/** `a=1,b=2`: Go prints its maps in any order, so here they are sorted. */
export function labelPairs(labels: Readonly<Record<string, string>> | null | undefined): string {
  return Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',')
}
