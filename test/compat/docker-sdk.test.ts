/** Docker's SDK for Python: one program, speaking the newest, a middle and the oldest API. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { TestDaemon } from '../lib/test-daemon.ts'
import { removeEverything } from './clients.ts'

// Debian's own Python: its packages are not those of another one that comes first on the PATH.
const python = '/usr/bin/python3'
const hasSdk = spawnSync(python, ['-c', 'import docker']).status === 0
const program = join(import.meta.dirname, 'docker-sdk.py')

suite('docker for Python', { skip: hasSdk ? false : 'no python3-docker' }, () => {
  let daemon: TestDaemon
  before(async () => {
    daemon = await TestDaemon.start()
  })
  after(() => daemon?.[Symbol.asyncDispose]())

  for (const version of ['auto', '1.41', '1.24'])
    test(`API ${version}`, async () => {
      const ended = await daemon.command('timeout', ['100', python, program, version])
      assert.equal(ended.status, 0, `${ended.stdout}${ended.stderr}`)
      assert.match(ended.stdout, /images, prune\n$/)
      await removeEverything(daemon)
    })
})
