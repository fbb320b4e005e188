/**
 * Lint, format, types, unit tests, integration tests; the last line counts.
 *
 *     scripts/test [--full] [--only unit|integration] [FILE…]
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const root = join(import.meta.dirname, '..')
process.chdir(root)

const args = process.argv.slice(2)
const full = args.includes('--full')
const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined
const named = args.filter((arg) => arg.endsWith('.ts'))

const counts = { passed: 0, failed: 0, skipped: 0 }

const checks: Array<[name: string, command: string[]]> = [
  ['types', ['node_modules/.bin/tsc', '-b']],
  ['lint', ['node_modules/.bin/oxlint', '--type-aware', 'packages', 'test', 'scripts']],
  ['format', ['node_modules/.bin/prettier', '--check', '--log-level', 'warn', '.']],
  ['format of C++', ['clang-format', '--dry-run', '--Werror', ...globSync('addon/**/*.{cc,h}')]],
]

if (named.length > 0) {
  await runTests('named', named, 1)
} else {
  if (only === undefined || only === 'checks')
    for (const [name, command] of checks) check(name, command)
  if (only === undefined || only === 'unit')
    await runTests(
      'unit',
      globSync('packages/**/*.test.ts', { exclude: ['**/node_modules/**'] }),
      2,
    )
  if (only === undefined || only === 'integration')
    // One at a time: they share the machine's bridges, tables and cgroups.
    await runTests(
      'integration',
      globSync('test/**/*.test.ts', { exclude: full ? [] : ['**/*.full.test.ts'] }),
      1,
    )
}

console.log(
  `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`,
)
process.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0)

function check(name: string, [program, ...rest]: string[]): void {
  const { status, stdout, stderr } = spawnSync(program!, rest, { encoding: 'utf8' })
  if (status === 0) counts.passed++
  else counts.failed++
  console.log(`${status === 0 ? '✔' : '✖'} ${name}`)
  if (status !== 0) console.log(stdout, stderr)
}

async function runTests(tier: string, files: string[], concurrency: number): Promise<void> {
  console.log(`— ${tier}: ${files.length} files`)
  if (files.length === 0) return
  const stream = run({ files: files.sort(), concurrency, timeout: full ? 1_800_000 : 300_000 })
  const settle = (
    kind: 'passed' | 'failed',
    data: { skip?: unknown; details: { type?: string } },
  ): void => {
    if (data.details.type === 'suite') return
    counts[data.skip === undefined ? kind : 'skipped']++
  }
  stream.on('test:pass', (data) => settle('passed', data))
  stream.on('test:fail', (data) => settle('failed', data))
  await new Promise<void>((resolve) => {
    stream.compose(spec()).on('end', resolve).pipe(process.stdout, { end: false })
  })
}
