/** A context of 1 GB with one changed file: bytes on the connection. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CountingProxy } from '../../lib/counting-proxy.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'

const MIB = 1024 * 1024
const FILES = 256

test('a context of 1 GB with one changed file sends under 10 MB', async (t) => {
  await using daemon = await TestDaemon.start({ base: tmpdir() })
  await using proxy = await CountingProxy.start(join(daemon.directory, 'proxy'), daemon.socket)
  const context = join(daemon.directory, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY file-7 /file\n')
  const content = randomBytes(4 * MIB)
  for (let at = 0; at < FILES; at++) {
    content.writeUInt32BE(at)
    writeFileSync(join(context, `file-${at}`), content)
  }
  const build = async (): Promise<number> => {
    proxy.sent = 0
    const began = performance.now()
    const made = await daemon.tdocker('-H', `unix://${proxy.path}`, 'build', context)
    assert.equal(made.status, 0, made.stderr)
    t.diagnostic(`${proxy.sent} bytes in ${Math.round(performance.now() - began)} ms`)
    return proxy.sent
  }
  assert.ok((await build()) > FILES * 4 * MIB)
  appendFileSync(join(context, 'file-7'), 'changed')
  assert.ok((await build()) < 10 * MIB)
  assert.ok((await build()) < 0.1 * MIB)
})
