import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { claimPidfile } from './pidfile.ts'

const directory = mkdtempSync(join(tmpdir(), 'tdocker-pid-'))
after(() => rmSync(directory, { recursive: true }))
const path = join(directory, 'sub', 'tdocker.pid')

test('the file holds our pid, and goes with us', () => {
  {
    using _claim = claimPidfile(path)
    assert.equal(readFileSync(path, 'utf8'), String(process.pid))
  }
  assert.throws(() => readFileSync(path), { code: 'ENOENT' })
})

test('a pid of nobody, of somebody else, or no pid at all is overwritten', () => {
  for (const content of ['4194303', '1', 'garbage', '-5', '']) {
    writeFileSync(path, content)
    claimPidfile(path)[Symbol.dispose]()
  }
})

test('a living daemon keeps its claim; what is not ours is not removed', async () => {
  const other = spawn(process.execPath, ['-e', 'process.stdin.resume()', 'tdockerd'])
  await once(other, 'spawn')
  writeFileSync(path, String(other.pid))
  assert.throws(() => claimPidfile(path), /process with PID \d+ is still running$/)
  other.kill()
  await once(other, 'exit')
  const claim = claimPidfile(path)
  writeFileSync(path, '12345')
  claim[Symbol.dispose]()
  assert.equal(readFileSync(path, 'utf8'), '12345')
})
