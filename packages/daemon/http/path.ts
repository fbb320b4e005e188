/**
 * Request targets as moby's router reads them: an optional `/v1.NN` in front, and names that may
 * contain slashes (images, and containers by the name that a link gives them: `parent/alias`), which are percent-encoded here so that one `{name}` matches them.
 */
export interface Target {
  /** As it stood in the path; undefined without one. */
  version: string | undefined
  /** Path and query for the router. */
  url: string
}

export function parseTarget(url: string, method: string): Target {
  const match = /^\/v([0-9.]+)(?=\/)/.exec(url)
  const rest = match ? url.slice(match[0].length) : url
  return { version: match?.[1], url: encodeName(rest, method) }
}

/** Groups whose names may hold slashes, and what may follow such a name, by method. */
const named: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  '/containers/': {
    HEAD: ['/archive'],
    GET: ['/json', '/top', '/logs', '/stats', '/attach/ws', '/archive', '/changes', '/export'],
    POST: [
      '/start',
      '/stop',
      '/restart',
      '/kill',
      '/wait',
      '/attach',
      '/resize',
      '/exec',
      '/rename',
      '/update',
      '/pause',
      '/unpause',
    ],
    PUT: ['/archive'],
    DELETE: [''],
  },
  '/images/': {
    GET: ['/json', '/history', '/get', '/attestations'],
    POST: ['/push', '/tag'],
    DELETE: [''],
  },
  '/distribution/': { GET: ['/json', '/referrers'] },
  '/plugins/': {
    GET: ['/json'],
    POST: ['/enable', '/disable', '/push', '/set', '/upgrade'],
    DELETE: [''],
  },
}

function encodeName(url: string, method: string): string {
  const prefix = Object.keys(named).find((p) => url.startsWith(p))
  if (prefix === undefined) return url
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  const suffix = named[prefix]?.[method]?.find((s) => path.endsWith(s))
  if (suffix === undefined) return url
  const name = path.slice(prefix.length, path.length - suffix.length)
  if (!name.includes('/')) return url
  return prefix + name.replaceAll('/', '%2F') + suffix + (query < 0 ? '' : url.slice(query))
}
