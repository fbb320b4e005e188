/** Repositories that a commit refers to: where they go, and where they are from. */
import { system } from '../../base/errors.ts'
import { type GitPlace, git, gitStream, GitFailure } from './git-program.ts'
import { type GitRef, isCommit, parseGitRef } from './git-ref.ts'

export interface Submodule {
  /** In the commit's tree. */
  path: string
  commit: string
  ref: GitRef
}

/** Throws for a tree that git would not check out, and for submodules that cannot be. */
export async function submodulesOf(
  place: GitPlace,
  commit: string,
  parent: string,
): Promise<Submodule[]> {
  const links = await linksOf(place, commit)
  if (links.length === 0) return []
  const told = await settingsOf(place, commit)
  const found: Submodule[] = []
  for (const { path, object } of links) {
    const settings = told.find((each) => each.path === path)
    if (settings?.url === undefined)
      throw system(`failed to update submodules: No url found for submodule path '${path}' in .gitmodules`)
    if (settings.update === 'none') continue
    found.push({ path, commit: object, ref: submoduleRef(settings.url, parent) })
  }
  return found
}

/** Only addresses that a user could have given, or paths relative to the parent's. */
function submoduleRef(url: string, parent: string): GitRef {
  const whole = /^\.\.?\//.test(url) ? relativeTo(parent, url) : url
  // What is behind a `#` or `?` means something to us alone.
  const address = /^https?:\/\/[^?#]*(?<!\.git)$/.test(whole) ? `${whole.replace(/\/+$/, '')}.git` : whole
  const ref = /[?#]/.test(whole) ? undefined : parseGitRef(address)
  if (!ref) {
    const scheme = /^([A-Za-z0-9+.-]+):(?::|\/\/)/.exec(url)?.[1] ?? 'file'
    throw system(`failed to update submodules: transport '${scheme}' not allowed`)
  }
  if (address === whole) return ref
  const bare = (text: string): string => text.slice(0, -'.git'.length)
  return { ...ref, remote: bare(ref.remote), shown: bare(ref.shown) }
}

/** As git's own: `../` takes off a part (git-submodule(1)). */
function relativeTo(parent: string, url: string): string {
  let base = parent.replace(/\/+$/, '')
  let rest = url
  while (/^\.\.?\//.test(rest)) {
    if (rest.startsWith('../')) {
      const at = Math.max(base.lastIndexOf('/'), base.lastIndexOf(':'))
      if (at <= 0) throw system(`cannot strip one component off url '${parent}'`)
      const colon = base[at] === ':'
      base = base.slice(0, at)
      rest = rest.slice(3)
      if (colon) return `${base}:${rest}`
    } else rest = rest.slice(2)
  }
  return `${base}/${rest}`.replace(/\/+$/, '')
}

async function linksOf(
  place: GitPlace,
  commit: string,
): Promise<Array<{ path: string; object: string }>> {
  const links: Array<{ path: string; object: string }> = []
  const { stdout, ended } = await gitStream(place, ['ls-tree', '-r', '-z', '--full-tree', commit])
  const take = (line: string): void => {
    const [, mode, object = '', path = ''] = /^(\d+) \w+ ([0-9a-f]+)\t(.*)$/s.exec(line) ?? []
    // Git never makes such a thing, and reads it as its own.
    if (path.split('/').some((part) => /^(\.git|\.\.?|)$/i.test(part)))
      throw system(`invalid path '${path}'`)
    if (mode === '160000' && isCommit(object)) links.push({ path, object })
  }
  let rest = ''
  try {
    for await (const chunk of stdout.setEncoding('utf8')) {
      const lines = (rest + (chunk as string)).split('\0')
      rest = lines.pop()!
      for (const line of lines) take(line)
    }
  } catch (error) {
    stdout.destroy()
    await ended.catch(() => {})
    throw error
  }
  await ended
  return links
}

interface Settings {
  path?: string
  url?: string
  update?: string
}

async function settingsOf(place: GitPlace, commit: string): Promise<Settings[]> {
  const settings = new Map<string, Settings>()
  let said: Buffer
  try {
    said = await git(place, ['config', '-z', '--blob', `${commit}:.gitmodules`, '--get-regexp', '^submodule\\.'])
  } catch (error) {
    if (error instanceof GitFailure) return []
    throw error
  }
  for (const entry of said.toString().split('\0').filter(Boolean)) {
    const [, name, key, value] = /^submodule\.(.*)\.(path|url|update)\n(.*)$/s.exec(entry) ?? []
    if (name === undefined || value === undefined) continue
    settings.set(name, { ...settings.get(name), [key as keyof Settings]: value })
  }
  return [...settings.values()]
}
