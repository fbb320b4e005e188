/** Repositories that a commit refers to: where they go, and where they are from. */
import { system } from '../../base/errors.ts'
import { type GitPlace, git, gitStream, GitFailure } from './git-program.ts'
import { type GitRef, isCommit } from './git-ref.ts'
import { submoduleRef } from './submodule-url.ts'

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
      throw system(
        `failed to update submodules: No url found for submodule path '${path}' in .gitmodules`,
      )
    if (settings.update === 'none') continue
    found.push({ path, commit: object, ref: submoduleRef(settings.url, parent) })
  }
  return found
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
    said = await git(place, [
      'config',
      '-z',
      '--blob',
      `${commit}:.gitmodules`,
      '--get-regexp',
      '^submodule\\.',
    ])
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
