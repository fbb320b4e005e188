/** Names of images, as a client shows and asks for them (distribution reference grammar). */
export interface Reference {
  /** Registry host, `docker.io` where none is written. */
  readonly domain: string
  /** Repository within the registry, with `library/` where Docker Hub has it. */
  readonly path: string
  readonly tag?: string
  readonly digest?: string
}

const pattern =
  /^(?<name>[^@:]*(?::[0-9]+(?=\/))?[^@:]*)(?::(?<tag>[\w][\w.-]{0,127}))?(?:@(?<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$/

const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/

/** Throws with Docker's sentences. */
export function parseReference(text: string): Reference {
  if (/^[0-9a-f]{64}$/.test(text)) {
    throw new Error(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`)
  }
  const match = pattern.exec(text)
  const groups = match?.groups
  if (!groups || !groups['name']) throw new Error('invalid reference format')
  const { domain, path } = splitDomain(groups['name'])
  if (path !== path.toLowerCase()) {
    throw new Error(`invalid reference format: repository name (${path}) must be lowercase`)
  }
  if (!path.split('/').every((part) => component.test(part)))
    throw new Error('invalid reference format')
  return {
    domain,
    path,
    ...(groups['tag'] ? { tag: groups['tag'] } : {}),
    ...(groups['digest'] ? { digest: groups['digest'] } : {}),
  }
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const isDomain = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase()
  const domain = isDomain ? first : 'docker.io'
  const path = isDomain ? name.slice(slash + 1) : name
  if (domain !== 'docker.io' && domain !== 'index.docker.io') return { domain, path }
  return { domain: 'docker.io', path: path.includes('/') ? path : `library/${path}` }
}

/** The short form of a repository: `docker.io/library/busybox` → `busybox`. */
export function familiarRepository({ domain, path }: Reference): string {
  if (domain !== 'docker.io') return `${domain}/${path}`
  return path.startsWith('library/') ? path.slice('library/'.length) : path
}

/** The short form of a whole name; text that is no name stays as it is. */
export function familiarName(
  text: string,
  options: { readonly defaultTag?: boolean } = {},
): string {
  let reference: Reference
  try {
    reference = parseReference(text)
  } catch {
    return text
  }
  const { tag, digest } = reference
  const withTag = tag ?? (options.defaultTag && digest === undefined ? 'latest' : undefined)
  return (
    familiarRepository(reference) +
    (withTag === undefined ? '' : `:${withTag}`) +
    (digest === undefined ? '' : `@${digest}`)
  )
}
