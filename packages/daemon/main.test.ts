import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const directory = mkdtempSync(join(tmpdir(), 'tdockerd-'))
after(() => rmSync(directory, { recursive: true }))

function tdockerd(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const main = join(import.meta.dirname, 'main.ts')
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })
}

function withFile(content: unknown, ...args: string[]): ReturnType<typeof tdockerd> {
  const path = join(directory, 'daemon.json')
  writeFileSync(path, JSON.stringify(content))
  return tdockerd('--validate', '--config-file', path, ...args)
}

test('--version and --help', () => {
  assert.match(tdockerd('--version').stdout, /^tdockerd version \d+\.\d+\.\d+, build \S+\n$/)
  assert.match(tdockerd('--help').stdout, /^Usage:\ttdockerd \[OPTIONS\]\n/)
})

test('--validate says what dockerd says, without touching anything', () => {
  const good = withFile({ debug: true, icc: false })
  assert.deepEqual([good.status, good.stdout, good.stderr], [0, '', 'configuration OK\n'])
  const path = join(directory, 'daemon.json')
  const unknown = withFile({ bogus: 1 })
  assert.equal(unknown.status, 1)
  assert.equal(
    unknown.stderr,
    `unable to configure the daemon with file ${path}: the following directives don't match any configuration option: bogus\n`,
  )
  const twice = withFile({ debug: true }, '-D')
  assert.equal(twice.status, 1)
  assert.match(twice.stderr, /specified both as a flag and in the configuration file: debug: \(/)
})

test('a call that makes no sense points at the help', () => {
  const unknown = tdockerd('--bogus')
  assert.deepEqual(
    [unknown.status, unknown.stderr],
    [1, "unknown flag: --bogus\nSee 'tdockerd --help'.\n"],
  )
  assert.match(tdockerd('start').stderr, /accepts no argument.*\nSee .*\n\nUsage: {2}tdockerd/)
  const missing = tdockerd('--validate', '--config-file', '/no/such/file')
  assert.equal(missing.status, 1)
  assert.match(missing.stderr, /open \/no\/such\/file: no such file or directory/)
})
