import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the canary's file says: must never come out of a container. */
export const OUTSIDE = 'the canary is outside'
/** A name that attacks write; must never appear on the host. */
export const WRITTEN = 'tdocker-attack-was-here'

/** A host directory that nobody may look into or write to. */
export class Canary implements Disposable {
  readonly dir: string
  readonly #before: string

  constructor(dir: string) {
    this.dir = dir
    mkdirSync(dir, { mode: 0o755 })
    writeFileSync(join(dir, 'secret'), OUTSIDE, { mode: 0o600 })
    this.#before = this.#describe()
  }

  unharmed(): void {
    assert.equal(this.#describe(), this.#before)
    for (const dir of ['/', '/etc', '/root', '/tmp'])
      assert.ok(!readdirSync(dir).includes(WRITTEN), `written into the host's ${dir}`)
  }

  #describe(): string {
    const { mode, uid, gid, mtimeNs } = statSync(this.dir, { bigint: true })
    const file = statSync(join(this.dir, 'secret'), { bigint: true })
    const facts = [
      mode,
      uid,
      gid,
      mtimeNs,
      file.mode,
      file.uid,
      file.gid,
      file.mtimeNs,
      file.ctimeNs,
    ]
    return `${readdirSync(this.dir).join()} ${facts.join()} ${readFileSync(join(this.dir, 'secret'), 'utf8')}`
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true })
  }
}
