/** scripts/test.ts runs what it is told, and refuses what it cannot. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')

function runTests(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  // Of the runner that runs this test; with it the other one would report to it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const script = join(root, 'scripts/test.ts')
  return spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', env })
}

test('a directory stands for the tests below it; the last line counts', () => {
  const { status, stdout } = runTests('packages/kernel/cgroup')
  assert.equal(status, 0, stdout)
  assert.match(stdout, /^— named: [3-9] files\n/)
  assert.match(stdout, /\n[1-9]\d* passed, 0 failed\n$/)
})

test('what names no test is refused, and nothing is run', () => {
  for (const [args, says] of [
    [['no/such/directory'], /no\/such\/directory: no test file, nor a directory with any\n$/],
    [['test/lib'], /test\/lib: no test file/],
    [['README.md'], /README\.md: no test file/],
    [['--only', 'some'], /--only some: one of checks, unit, integration\n$/],
    [['--fast'], /Unknown option '--fast'/],
    [['--only', 'unit', 'packages/kernel'], /not both\n$/],
  ] as const) {
    const { status, stdout, stderr } = runTests(...args)
    assert.equal(status, 2, args.join(' '))
    assert.equal(stdout, '')
    assert.match(stderr, says)
  }
})
