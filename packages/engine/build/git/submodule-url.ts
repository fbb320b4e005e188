/** Where a submodule is from (git-submodule(1)). */
import { system } from '../../base/errors.ts'
import { type GitRef, parseGitRef } from './git-ref.ts'

/** Only addresses that a user could have given, or paths relative to the parent's. Throws for others. */
export function submoduleRef(url: string, parent: string): GitRef {
  const whole = /^\.\.?\//.test(url) ? relativeTo(parent, url) : url
  // What is behind a `#` or `?` means something to us alone.
  const address = /^https?:\/\/[^?#]*(?<!\.git)$/.test(whole)
    ? `${whole.replace(/\/+$/, '')}.git`
    : whole
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
