/** `tdocker build`: contexts of several kinds, flags, codes. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type CommandResult, TestDaemon } from '../../lib/test-daemon.ts'
import { outputOf } from './build-rig.ts'

const cli = join(import.meta.dirname, '../../../packages/cli/main.ts')

let daemon: TestDaemon
let directory: string
before(async () => {
  daemon = await TestDaemon.start()
  directory = join(daemon.directory, 'context')
  mkdirSync(join(directory, 'sub'), { recursive: true })
  writeFileSync(
    join(directory, 'Dockerfile'),
    'FROM busybox\nARG A=none\nCOPY . /ctx\nRUN echo $A > /a\n',
  )
  writeFileSync(join(directory, '.dockerignore'), '*.log\n!keep.log\nsub/hidden\nDockerfile\n')
  for (const name of ['x.log', 'keep.log', 'sub/hidden', 'sub/seen'])
    writeFileSync(join(directory, name), name)
})
after(() => daemon[Symbol.asyncDispose]())

const withInput = (input: string, ...args: string[]): Promise<CommandResult> =>
  daemon.command(process.execPath, [cli, ...args], input)

test('a directory goes without what its ignore file names', async () => {
  const iidfile = join(daemon.directory, 'iid')
  const made = await daemon.tdocker(
    ...['build', '-t', 'one', '--build-arg', 'A=given', '--iidfile', iidfile, directory],
  )
  assert.equal(made.status, 0, made.stderr)
  assert.match(made.stdout, /Successfully tagged one:latest\n$/)
  assert.match(readFileSync(iidfile, 'utf8'), /^sha256:[0-9a-f]{64}$/)
  assert.equal(
    await outputOf(daemon, 'one', 'cat /a; cd /ctx; find . -type f | sort'),
    'given\n./.dockerignore\n./keep.log\n./sub/seen\n',
  )
})

test('a Dockerfile comes from stdin, from elsewhere, or alone', async () => {
  const stdin = await withInput(
    'FROM busybox\nCOPY sub/seen /s\n',
    'build',
    '-q',
    '-f',
    '-',
    directory,
  )
  assert.equal(await outputOf(daemon, stdin.stdout.trim(), 'cat /s'), 'sub/seen', stdin.stderr)
  const alone = await withInput('FROM busybox\nRUN echo alone > /s\n', 'build', '-q', '-')
  assert.equal(await outputOf(daemon, alone.stdout.trim(), 'cat /s'), 'alone\n', alone.stderr)
  const elsewhere = join(daemon.directory, 'Other')
  writeFileSync(elsewhere, 'FROM busybox\nCOPY keep.log /s\n')
  const other = await daemon.tdocker('build', '-q', '-f', elsewhere, directory)
  assert.equal(await outputOf(daemon, other.stdout.trim(), 'cat /s'), 'keep.log', other.stderr)
})

test('failures end with the code of the command; what is not there is told', async () => {
  const failed = await withInput('FROM busybox\nRUN echo why; exit 9\n', 'build', '-')
  assert.equal(failed.status, 9)
  assert.match(failed.stderr, /returned a non-zero code: 9/)
  const missing = await daemon.tdocker('build', '/nonexistent')
  assert.match(missing.stderr, /path "\/nonexistent" not found/)
})

test('the cache is pruned', async () => {
  const made = await daemon.tdocker('builder', 'prune', '-af')
  assert.equal(made.status, 0, made.stderr)
  assert.match(
    made.stdout,
    /^Deleted build cache objects:\n[0-9a-f]{25}\n[^]*Total reclaimed space: /,
  )
})
