/** A directory of the host that attacks aim at: whatever happens to it is noticed. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

/** Content, owner, mode, links, times (change time too) and names of all entries, as lines. */
export function linesOf(root: string, o: { xattrs?: boolean } = {}): string[] {
  const lines: string[] = []
  const walk = (path: string): void => {
    const st = lstatSync(path, { bigint: true })
    const is = st.isDirectory()
      ? 'directory'
      : st.isSymbolicLink()
        ? readlinkSync(path)
        : st.isFile() && st.size < 65_536n
          ? readFileSync(path, 'base64')
          : st.size
    const { mode, uid, gid, nlink, rdev, ino, mtimeNs, ctimeNs } = st
    lines.push([path, is, mode, uid, gid, nlink, rdev, ino, mtimeNs, ctimeNs].join(' '))
    if (st.isDirectory()) for (const name of readdirSync(path).sort()) walk(join(path, name))
  }
  walk(root)
  if (o.xattrs !== false) lines.push(attributes(root))
  return lines
}

function attributes(root: string): string {
  const args = ['-Rhd', '-m', '-', '-e', 'hex', '--absolute-names', root]
  return spawnSync('getfattr', args, { encoding: 'utf8' }).stdout
}

export class WatchedTree implements Disposable {
  readonly dir: string
  readonly #before: string[]

  /** Makes `dir`: a `secret`, a directory `sub` with a file, a `link`, an xattr, a setuid program. */
  constructor(dir: string) {
    this.dir = dir
    mkdirSync(join(dir, 'sub'), { recursive: true, mode: 0o755 })
    writeFileSync(join(dir, 'secret'), 'the canary is outside', { mode: 0o600 })
    writeFileSync(join(dir, 'sub/file'), 'below', { mode: 0o640 })
    writeFileSync(join(dir, 'program'), '#!/bin/sh\n', { mode: 0o755 })
    symlinkSync('secret', join(dir, 'link'))
    spawnSync('setfattr', ['-n', 'user.canary', '-v', 'sings', join(dir, 'secret')])
    spawnSync('chmod', ['4755', join(dir, 'program')])
    this.#before = linesOf(dir)
  }

  /** `quick`: all but xattrs, whose change shows in the change time anyway. */
  unharmed(what: string, quick = true): void {
    const now = linesOf(this.dir, { xattrs: !quick })
    const before = quick ? this.#before.slice(0, -1) : this.#before
    assert.deepEqual(now, before, `${what}: the canary was touched`)
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true })
  }
}
