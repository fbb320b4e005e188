/** `tdocker build --progress`: on a terminal, in a pipe, for programs. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { WireSolveStatus } from '@tdocker/api/build-trace.ts'
import { fromExecutable, fromSources } from '../../compat/clients.ts'
import { Terminal } from '../../lib/terminal.ts'
import { type CommandResult, TestDaemon, hasProgram } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
let directory: string
let failing: string
before(async () => {
  daemon = await TestDaemon.start()
  directory = context('good', 'FROM busybox AS base\nRUN echo said\nFROM base\nCOPY x /x\n')
  failing = context('bad', 'FROM busybox\nRUN echo why >&2; exit 9\nRUN true\n')
})
after(() => daemon[Symbol.asyncDispose]())

function context(name: string, dockerfile: string): string {
  const path = join(daemon.directory, name)
  mkdirSync(path)
  writeFileSync(join(path, 'Dockerfile'), dockerfile)
  writeFileSync(join(path, 'x'), 'x')
  return path
}

const withEnv = (pair: string, ...args: string[]): Promise<CommandResult> =>
  daemon.command('env', [pair, ...fromSources.command, ...args])

const IMAGE = /^sha256:[0-9a-f]{64}\n$/

test('plain: numbered steps on stderr, nothing on stdout', async () => {
  const made = await daemon.tdocker(
    'build',
    '--progress=plain',
    '-t',
    'plain',
    '--no-cache',
    directory,
  )
  assert.equal(made.status, 0, made.stderr)
  assert.equal(made.stdout, '')
  assert.match(
    made.stderr,
    /^#\d+ \[base 2\/2\] RUN echo said\n#\d+ \d\.\d{3} said\n#\d+ DONE \d+\.\ds\n/m,
  )
  assert.match(made.stderr, /^#\d+ naming to .*plain:latest done\n/m)
  const again = await withEnv('BUILDKIT_PROGRESS=plain', 'build', directory)
  assert.match(again.stderr, /^#\d+ \[stage-1 1\/1\] COPY x \/x\n#\d+ CACHED\n/m)
})

test('plain: a failure is told with its output and its place, and its code', async () => {
  const failed = await daemon.tdocker('build', '--progress=plain', failing)
  assert.equal(failed.status, 9)
  assert.match(
    failed.stderr,
    /^#\d+ ERROR: process "\/bin\/sh -c echo why >&2; exit 9" did not complete successfully: exit code: 9$/m,
  )
  assert.match(
    failed.stderr,
    /\n------\n > \[2\/3\] RUN echo why >&2; exit 9:\n\d\.\d{3} why\n------\nDockerfile:2\n-{20}\n {3}1 \| {5}FROM busybox\n {3}2 \| >>> RUN echo why >&2; exit 9\n {3}3 \| {5}RUN true\n[^]*-{20}\nERROR: failed to build: failed to solve: process "\/bin\/sh -c echo why >&2; exit 9" did not complete successfully: exit code: 9\n$/,
  )
})

test('rawjson: one status a line on stderr', async () => {
  const made = await daemon.tdocker('build', '--progress=rawjson', directory)
  assert.equal(made.status, 0, made.stderr)
  const told = made.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as WireSolveStatus)
  assert.ok(told.some(({ vertexes }) => vertexes?.some(({ cached }) => cached)))
  const failed = await daemon.tdocker('build', '--progress=rawjson', failing)
  assert.match(
    failed.stderr,
    /\}\nDockerfile:2\n[^]*\nERROR: failed to build: [^\n]* exit code: 9\n$/,
  )
})

test('quiet: the id alone', async () => {
  const made = await daemon.tdocker('build', '--progress=quiet', directory)
  assert.match(made.stdout, IMAGE)
  assert.equal(made.stderr, '')
})

test('in a pipe auto is the classic text that scripts read, or plain where BuildKit is asked for', async () => {
  const classic = await daemon.tdocker('build', directory)
  assert.match(classic.stdout, /^Step 1\/4 : [^]*\nSuccessfully built [0-9a-f]{12}\n$/)
  assert.equal(classic.stderr, '')
  const plain = await withEnv('DOCKER_BUILDKIT=1', 'build', directory)
  assert.equal(plain.stdout, '')
  assert.match(plain.stderr, /^#1 \[internal\] load build/)
})

test('what cannot be shown is refused before anything is sent', async () => {
  const wrong = await daemon.tdocker('build', '--progress=loud', directory)
  assert.equal(wrong.stderr, 'invalid progress mode loud\n')
  const none = await daemon.tdocker('build', '--progress=tty', directory)
  assert.match(none.stderr, /^failed to get console/)
})

const noTerminal = hasProgram('python3') ? undefined : 'python3 makes the terminals'
for (const client of [fromSources, fromExecutable])
  describe(`on a terminal: ${client.name}`, { skip: client.skip ?? noTerminal }, () => {
    const open = (...args: string[]): Terminal =>
      new Terminal(daemon, [...client.command, 'build', ...args], {
        NO_COLOR: '1',
        DOCKER_BUILDKIT: '',
      })

    test('steps while they run, with their last output; a narrower window', async () => {
      const dockerfile = 'FROM busybox\nRUN echo begun; until test -e /ctx/go; do sleep 0.1; done'
      const path = context(
        `live-${client.name.length}`,
        dockerfile.replace('test -e /ctx/go', 'test $((n = n + 1)) = 30'),
      )
      const terminal = open('--no-cache', '-t', 'live', path)
      await terminal.sees(/\[\+\] Building \d+\.\ds \(\d\/\d\)/)
      await terminal.sees(/ => => # begun/)
      terminal.resize(20, 40)
      await terminal.sees(/ => \[2\/2\] RUN echo begun; until te {1,2}\d\.\ds/)
      await terminal.sees(/\[\+\] Building \d+\.\ds \((\d)\/\1\) FINISHED/)
      await terminal.sees(/ => exporting to image/)
      assert.equal(await terminal.exit(), 0)
      assert.ok(terminal.screen.includes('\x1b[?25h'), 'the cursor is shown again')
    })

    test('a failure ends with its output, its place and the code', async () => {
      const terminal = open(failing)
      await terminal.sees(/ => ERROR \[2\/3\] RUN echo why >&2; exit 9 +\d\.\ds/)
      await terminal.sees(
        /------\r\n > \[2\/3\] RUN echo why >&2; exit 9:\r\n\d\.\d{3} why\r\n------\r\n/,
      )
      await terminal.sees(/Dockerfile:2\r\n/)
      assert.equal(await terminal.exit(), 9)
    })

    test('scripts on a terminal still get the classic text', async () => {
      const script = '"$@" | grep "^Successfully built"; echo ended'
      const command = ['sh', '-c', script, 'sh', ...client.command, 'build', directory]
      const terminal = new Terminal(daemon, command, { DOCKER_BUILDKIT: '' })
      await terminal.sees(/^Successfully built [0-9a-f]{12}\r\nended/)
      assert.equal(await terminal.exit(), 0)
    })

    test('Ctrl-C ends the build', async () => {
      const path = context(
        `long-${client.name.length}`,
        'FROM busybox\nRUN echo ready; sleep 1000\n',
      )
      const terminal = open(path)
      await terminal.sees(/# ready/)
      terminal.type('\x03')
      assert.notEqual(await terminal.exit(), 0)
    })
  })
