/**
 * Addresses of git repositories as Docker writes them: a URL or `user@host:path`, with what is wanted of
 * it in the fragment (`#ref:subdir`) or the query (BuildKit: frontend/dockerfile/dfgitutil).
 */
import { posix } from 'node:path'
import { invalidParameter } from '../../base/errors.ts'

export interface GitRef {
  scheme: 'http' | 'https' | 'git' | 'ssh'
  /** For the git program: without credentials, fragment and query. */
  remote: string
  host: string
  /** `user:password` of an http address, decoded; empty for none. */
  credentials: string
  /** As messages may show it. */
  shown: string
  /** Branch, tag, other reference or commit; empty for the default branch. */
  ref: string
  /** Hexadecimal, maybe shortened; empty for any. */
  checksum: string
  /** Without slashes around it; empty for all. */
  subdir: string
  keepGitDir: boolean | undefined
  submodules: boolean
  /** The commit that `checksum` names is taken whatever the reference leads to. */
  fetchByCommit: boolean
}

const URL_FORM = /^([A-Za-z0-9]+):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s
const SCP_FORM = /^([A-Za-z0-9_-]+)@([A-Za-z0-9.-]+):(.*?)(?:\?(.*?))?(?:#(.*))?$/s

/** undefined for what is no address of git. Throws invalidParameter for one that cannot be. */
export function parseGitRef(text: string): GitRef | undefined {
  if (text.startsWith('./') || text.startsWith('../')) return undefined
  if (SCP_FORM.test(text) && !URL_FORM.test(text)) return ofScp(text)
  const parts = URL_FORM.exec(text)
  return parts ? ofUrl(parts) : undefined
}

/** As `parseGitRef`, also for `github.com/USER/REPO`, which only a build's context may be. */
export function parseGitContext(text: string): GitRef | undefined {
  return parseGitRef(
    text.startsWith('github.com/')
      ? `https://${text}`.replace(/^(https:\/\/[^?#]*?)(\.git)?(?=[?#]|$)/, '$1.git')
      : text,
  )
}

export function isCommit(text: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text)
}

function ofUrl(parts: RegExpExecArray): GitRef | undefined {
  const [, proto = '', authority = '', path = '', query = '', fragment = ''] = parts
  const scheme = proto.toLowerCase()
  if (scheme !== 'http' && scheme !== 'https' && scheme !== 'git' && scheme !== 'ssh')
    return undefined
  const isHttp = scheme === 'http' || scheme === 'https'
  if (isHttp && !path.endsWith('.git')) return undefined
  const at = authority.lastIndexOf('@')
  const user = authority.slice(0, Math.max(at, 0))
  const server = authority.slice(at + 1)
  // An ssh user is no secret, and the program needs it.
  const kept = isHttp || user === '' ? server : `${user.split(':')[0]}@${server}`
  const remote = `${scheme}://${kept}${path}`
  refuseOptions(remote, [user, server.replace(/:\d*$/, ''), scheme === 'ssh' ? path.slice(1) : ''])
  return {
    scheme,
    remote,
    host: server,
    credentials: isHttp && user !== '' ? decode(user) : '',
    shown: isHttp && user !== '' ? `${scheme}://xxxxx:xxxxx@${server}${path}` : remote,
    ...wanted(decode(fragment), query),
  }
}

function ofScp(text: string): GitRef {
  const [, user = '', host = '', path = '', query = '', fragment = ''] = SCP_FORM.exec(text)!
  const remote = `${user}@${host}:${path}`
  refuseOptions(remote, [user, host, path])
  return { scheme: 'ssh', remote, host, credentials: '', shown: remote, ...wanted(fragment, query) }
}

/** What the git or ssh program could take for an option, or for the end of a line. */
function refuseOptions(remote: string, parts: readonly string[]): void {
  // oxlint-disable-next-line no-control-regex
  if (parts.some((part) => part.startsWith('-')) || /[\u0000-\u0020\u007F]/.test(remote))
    throw invalidParameter(`invalid git address ${JSON.stringify(remote)}`)
}

type Wanted = Pick<
  GitRef,
  'ref' | 'checksum' | 'subdir' | 'keepGitDir' | 'submodules' | 'fetchByCommit'
>

function wanted(fragment: string, query: string): Wanted {
  const [ref = '', ...rest] = fragment.split(':')
  const found: Wanted = {
    ref,
    subdir: rest.join(':') === '' ? '' : inner(rest.join(':')),
    checksum: '',
    keepGitDir: undefined,
    submodules: true,
    fetchByCommit: false,
  }
  loadQuery(found, new URLSearchParams(query))
  checkRef(found.ref)
  if (found.checksum !== '') checkSum(found.checksum)
  return found
}

function inner(path: string): string {
  return posix.join('/', path).replace(/^\/+|\/+$/g, '')
}

/** Names that git itself takes for references, and none that says more to it than a name. */
export function checkRef(ref: string): void {
  // oxlint-disable-next-line no-control-regex
  if (/^[-/]|[\u0000-\u0020\u007F~^:?*[\\]|\.\.|@\{|\/$|\/\/|\.lock$|\.$/.test(ref))
    throw invalidParameter(`invalid git ref ${JSON.stringify(ref)}`)
}

/** Throws invalidParameter in BuildKit's words. */
export function checkSum(checksum: string): void {
  if (!/^[0-9a-fA-F]+$/.test(checksum))
    throw invalidParameter(`invalid checksum ${checksum} for Git URL, expected hex commit hash`)
}

const SWITCHES = new Set(['submodules', 'keep-git-dir', 'fetch-by-commit'])

function loadQuery(found: Wanted, query: URLSearchParams): void {
  let tag = ''
  let branch = ''
  for (const key of new Set(query.keys())) {
    const values = query.getAll(key)
    if (values.length > 1) throw invalidParameter(`query "${key}" has multiple values`)
    const value = values[0] ?? ''
    if (value === '' && !SWITCHES.has(key)) throw invalidParameter(`query "${key}" has no value`)
    switch (key) {
      case 'ref':
        found.ref = agreed('ref', found.ref, value)
        break
      case 'tag':
        tag = value
        break
      case 'branch':
        branch = value
        break
      case 'subdir':
        found.subdir = inner(agreed('subdir', found.subdir, value))
        break
      case 'checksum':
      case 'commit':
        found.checksum = value
        break
      case 'keep-git-dir':
        found.keepGitDir = switched(key, value)
        break
      case 'submodules':
        found.submodules = switched(key, value)
        break
      case 'fetch-by-commit':
        found.fetchByCommit = switched(key, value)
        break
      case 'mtime':
        // Files always have the commit's time here: the same sources make the same image.
        if (value === 'checkout' || value === 'commit') break
        throw invalidParameter(
          `invalid mtime value: ${JSON.stringify(value)} (must be "checkout" or "commit")`,
        )
      default:
        throw invalidParameter(`unexpected query ${JSON.stringify(key)}`)
    }
  }
  if (tag !== '') found.ref = agreed('ref', found.ref, under('refs/tags/', tag))
  if (branch === '') return
  if (tag !== '') throw invalidParameter('branch conflicts with tag')
  found.ref = agreed('ref', found.ref, under('refs/heads/', branch))
}

function under(prefix: string, name: string): string {
  return name.startsWith(prefix) ? name : `${prefix}${name}`
}

function agreed(what: string, before: string, now: string): string {
  if (before === '' || before === now) return now
  throw invalidParameter(`${what} conflicts: ${JSON.stringify(before)} vs ${JSON.stringify(now)}`)
}

/** As Go's strconv.ParseBool; a key alone is true. */
function switched(key: string, value: string): boolean {
  if (value === '' || /^(1|t|T|true|TRUE|True)$/.test(value)) return true
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false
  throw invalidParameter(`invalid ${key} value: ${JSON.stringify(value)}`)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
