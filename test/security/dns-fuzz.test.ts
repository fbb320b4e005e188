import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')

test('damaged DNS messages are read within their bounds', () => {
  const dir = mkdtempSync(join(tmpdir(), 'dns-fuzz-'))
  try {
    const program = join(dir, 'fuzz')
    execFileSync('g++', [
      ...['-std=c++20', '-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
      ...['-I', join(root, 'addon'), '-o', program, join(root, 'test/security/dns-fuzz.cc')],
      ...['message', 'names'].map((part) => join(root, `addon/kernel/dns_${part}.cc`)),
    ])
    const seed = String(process.env['TDOCKER_FUZZ_SEED'] ?? Date.now() % 1_000_000)
    const out = execFileSync(program, [seed, '50000'], { encoding: 'utf8' })
    assert.equal(out, 'done\n', `TDOCKER_FUZZ_SEED=${seed}`)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
