import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { put } from '../integration/archive/archive-rig.ts'
import type { TestDaemon } from '../lib/test-daemon.ts'

/** `swap.c`, static; it is made in `dir`. */
export function compileSwap(dir: string): Buffer {
  const program = join(dir, 'swap')
  const source = join(import.meta.dirname, 'swap.c')
  const { status, stderr } = spawnSync('cc', ['-O2', '-static', '-o', program, source])
  assert.equal(status, 0, String(stderr))
  return readFileSync(program)
}

/** Unpacks `tree`, with the program at /swap, and has `path` exchanged with each of `links` from then on. */
export async function startSwap(
  daemon: TestDaemon,
  id: string,
  o: { tree: Buffer; path: string; links: readonly string[] },
): Promise<void> {
  const prepared = await put(daemon, id, '/', o.tree)
  assert.equal(prepared.status, 200, prepared.text)
  const exec = await daemon.api.post<{ Id: string }>(`/containers/${id}/exec`, {
    Cmd: ['/swap', o.path, ...o.links],
  })
  const started = await daemon.api.post(`/exec/${exec.body.Id}/start`, { Detach: true })
  assert.equal(started.status, 200, started.text)
}
