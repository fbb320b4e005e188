/** Names inside an outer archive: keys of what was read, never paths on this machine. */
import { system } from '../../base/errors.ts'

const MAX_HOPS = 255

/** Without `.`, `..` and empty parts; nothing leads out of the archive. */
export function cleanName(name: string): string {
  const parts: string[] = []
  for (const part of name.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** Links among the members; old archives link a layer that occurs twice. */
export class MemberLinks {
  /** From a member to what it stands for, from the archive's root on. */
  readonly #targets = new Map<string, string>()

  addSymlink(name: string, target: string): void {
    const parent = name.slice(0, name.lastIndexOf('/') + 1)
    this.#targets.set(name, target.startsWith('/') ? target : `${parent}${target}`)
  }

  addHardLink(name: string, target: string): void {
    this.#targets.set(name, target)
  }

  delete(name: string): void {
    this.#targets.delete(name)
  }

  get size(): number {
    return this.#targets.size
  }

  /** The member that a path means, with every link on the way followed, as if `/` were the archive. */
  resolve(path: string): string {
    let done: string[] = []
    const rest = path.split('/').toReversed()
    let hops = 0
    for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
      if (part === '..') done.pop()
      if (part === '' || part === '.' || part === '..') continue
      done.push(part)
      const target = this.#targets.get(done.join('/'))
      if (target === undefined) continue
      if (++hops > MAX_HOPS) {
        throw system(`EvalSymlinksInScope: too many links in /${cleanName(path)}`)
      }
      // A target is told from the root on.
      done = []
      rest.push(...target.split('/').toReversed())
    }
    return done.join('/')
  }
}
