/**
 * Lint, format, types, unit tests, integration tests; the last line counts.
 *
 *     scripts/test [--full] [--only checks|unit|integration] [FILE|DIRECTORY…]
 *
 * --full adds the long tier, `*.full.test.ts`. A directory stands for the tests below it.
 */
import { spawnSync } from 'node:child_process'
import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'

const root = join(import.meta.dirname, '..')
process.chdir(root)

const tiers = ['checks', 'unit', 'integration']
const { full, only, named } = readArguments()
/** Of one file. The long tier has its own limits within, which tell more than this one would. */
const FILE_LIMIT_MS = full
  ? 14_400_000
  : 300_000 * Number(process.env['TDOCKER_TEST_PATIENCE'] ?? 1)

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
  if (only === undefined || only === 'unit') await runTests('unit', testsIn('packages', full), 2)
  if (only === undefined || only === 'integration')
    // They have names of their own for what they share of the machine. The long tier measures.
    await runTests('integration', testsIn('test', full), full ? 1 : 2)
}

console.log(
  `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`,
)
process.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0)

function readArguments(): { full: boolean; only: string | undefined; named: string[] } {
  try {
    const { values, positionals } = parseArgs({
      options: { full: { type: 'boolean', default: false }, only: { type: 'string' } },
      allowPositionals: true,
    })
    if (values.only !== undefined && !tiers.includes(values.only))
      throw new Error(`--only ${values.only}: one of ${tiers.join(', ')}`)
    if (values.only !== undefined && positionals.length > 0)
      throw new Error('--only, or files: not both')
    const named = positionals.flatMap((path) => filesOf(path, values.full))
    return { full: values.full, only: values.only, named }
  } catch (error) {
    console.error(`scripts/test: ${(error as Error).message}`)
    process.exit(2)
  }
}

function filesOf(path: string, long: boolean): string[] {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isFile() && path.endsWith('.ts')) return [path]
  const below = found?.isDirectory() ? testsIn(path, long) : []
  if (below.length === 0) throw new Error(`${path}: no test file, nor a directory with any`)
  return below
}

function testsIn(directory: string, long: boolean): string[] {
  const exclude = ['**/node_modules/**', ...(long ? [] : ['**/*.full.test.ts'])]
  return globSync(join(directory, '**/*.test.ts'), { exclude })
}

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
  const stream = run({ files: files.sort(), concurrency, timeout: FILE_LIMIT_MS })
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
