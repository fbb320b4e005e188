/** `WWW-Authenticate` (RFC 9110 section 11): several challenges, each with quoted parameters. */
export interface Challenge {
  /** Lower case. */
  scheme: string
  /** Names in lower case. */
  parameters: ReadonlyMap<string, string>
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const MAX_HEADER = 16 * 1024

/** Parses every header value; what does not parse ends that value, quietly. */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  if (header === undefined) return []
  const values = typeof header === 'string' ? [header] : header
  return values.flatMap((value) => (value.length > MAX_HEADER ? [] : parseValue(value)))
}

function parseValue(text: string): Challenge[] {
  const challenges: Challenge[] = []
  let parameters: Map<string, string> | undefined
  let at = 0
  const skip = (what: RegExp): void => {
    while (at < text.length && what.test(text[at] ?? '')) at++
  }
  const token = (): string | undefined => {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    if (match === null) return undefined
    at = TOKEN.lastIndex
    return match[0]
  }
  const quoted = (): string | undefined => {
    let value = ''
    for (at++; at < text.length; at++) {
      const char = text[at]
      if (char === '"') {
        at++
        return value
      }
      if (char === '\\') at++
      value += text[at] ?? ''
    }
    return undefined
  }
  for (;;) {
    skip(/[\s,]/)
    const name = token()
    if (name === undefined) return challenges
    skip(/\s/)
    if (text[at] !== '=') {
      parameters = new Map()
      challenges.push({ scheme: name.toLowerCase(), parameters })
      continue
    }
    at++
    skip(/\s/)
    const value = text[at] === '"' ? quoted() : token()
    if (value === undefined || parameters === undefined) return challenges
    parameters.set(name.toLowerCase(), value)
  }
}
