export interface Challenge {
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

/** `Bearer realm="…",service="…"`: schemes and their parameters, quoted or not (RFC 9110 section 11.6.1). */
export function parseChallenges(header: string): Challenge[] {
  const found: Array<{ scheme: string; parameters: Record<string, string> }> = []
  const pattern = /([A-Za-z0-9_-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?\s*,?\s*/gy
  for (const [, name = '', quoted, bare] of header.matchAll(pattern)) {
    const value = quoted?.replaceAll(/\\(.)/g, '$1') ?? bare
    const current = found.at(-1)
    if (value === undefined) found.push({ scheme: name.toLowerCase(), parameters: {} })
    else if (current) current.parameters[name.toLowerCase()] = value
  }
  return found
}
