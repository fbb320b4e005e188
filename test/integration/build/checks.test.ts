/** The checks of a Dockerfile: as warnings of a build, as its error, and instead of it. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { build, built, outputOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const CASUAL = 'FROM busybox as base\nENV NAME value\nCMD echo hi\n'

test('a build ends with what it was warned of', async () => {
  const made = await built(daemon, { Dockerfile: CASUAL }, { t: 'warned' })
  const at = made.text.indexOf('\n 3 warnings found')
  assert.equal(
    made.text.slice(at, made.text.indexOf('Successfully built')),
    [
      '',
      ' 3 warnings found (use docker --debug to expand):',
      " - FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)",
      ' - LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key value" format (line 2)',
      ' - JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 3)',
      '',
    ].join('\n'),
  )
  assert.match(made.text, /Successfully tagged warned:latest\n$/)
  const quiet = await built(daemon, { Dockerfile: CASUAL }, { q: '1' })
  assert.match(quiet.text, /^sha256:[0-9a-f]{64}\n$/)
  const skipped = await built(daemon, { Dockerfile: `# check=skip=all\n${CASUAL}` })
  assert.doesNotMatch(skipped.text, /warnings? found/)
})

test('what the base image sets is known, also to stages that build on it', async () => {
  const base = 'FROM busybox\nENV FROM_BASE=1\nSHELL ["sh", "-c"]\n'
  await built(daemon, { Dockerfile: base }, { t: 'checked-base' })
  const text = 'FROM checked-base AS a\nENV A=$FROM_BASE\nFROM a\nENV B=$A C=$TYPO\nCMD x\n'
  const made = await built(daemon, { Dockerfile: text })
  assert.match(
    made.text,
    /\n 1 warning found [^\n]*\n - UndefinedVar: Usage of undefined variable '\$TYPO' \(line 4\)\n/,
  )
})

test('error=true fails the build before a step runs, in the file and by argument', async () => {
  const wrong =
    /^lint violation found for rules: FromAsCasing, LegacyKeyValueFormat, JSONArgsRecommended\n - FromAsCasing: .* \(line [12]\)\n/
  const made = await build(daemon, { Dockerfile: `# check=error=true\n${CASUAL}` }, { t: 'never' })
  assert.match(made.error, wrong)
  assert.doesNotMatch(made.text, /Step/)
  const buildargs = JSON.stringify({ BUILDKIT_DOCKERFILE_CHECK: 'error=true' })
  assert.match((await build(daemon, { Dockerfile: CASUAL }, { buildargs })).error, wrong)
  assert.equal((await daemon.api.get('/images/never/json')).status, 404)
  const skip = JSON.stringify({ BUILDKIT_DOCKERFILE_CHECK: 'skip=all;error=true' })
  await built(daemon, { Dockerfile: CASUAL }, { buildargs: skip })
})

test('the ignore file: what it names is warned of; it and the Dockerfile leave the context', async () => {
  const files = {
    Dockerfile: 'FROM busybox\nCOPY . /all\nCOPY out in /some/\n',
    '.dockerignore': 'out\nDockerfile\n.dockerignore\n',
    in: 'in',
    out: 'sent all the same',
  }
  const made = await built(daemon, files)
  assert.match(
    made.text,
    /- CopyIgnoredFile: Attempting to Copy file "out" that is excluded by \.dockerignore \(line 3\)/,
  )
  assert.equal(await outputOf(daemon, made.id, 'ls -A /all'), 'in\nout\n')
  const own = await built(
    daemon,
    { ...files, sub: files.Dockerfile, 'sub.dockerignore': 'in\nsub*\n' },
    { dockerfile: 'sub' },
  )
  assert.match(own.text, /Copy file "in" that is excluded/)
  assert.equal(await outputOf(daemon, own.id, 'ls -A /all'), '.dockerignore\nDockerfile\nin\nout\n')
  // Links lead nowhere but into the context.
  const link = { type: 'symlink', linkname: '/etc' } as const
  const dockerignore = { '.dockerignore': '*\n', 'real/D': 'FROM busybox\nCOPY . /all\n' }
  const linked = await built(
    daemon,
    { ...dockerignore, link: { ...link, linkname: 'real' }, etc: link },
    { dockerfile: 'link/D' },
  )
  assert.equal(
    await outputOf(daemon, linked.id, 'cd /all; find . | sort'),
    '.\n./etc\n./link\n./real\n',
  )
})

test('check, outline and targets instead of an image', async () => {
  const images = async (): Promise<number> =>
    (await daemon.api.get<unknown[]>('/images/json?all=1')).body.length
  const before = await images()
  const clean = await built(daemon, { Dockerfile: 'FROM busybox\n' }, { call: 'check' })
  assert.equal(clean.text, 'Check complete, no warnings found.\n')
  const found = await built(daemon, { Dockerfile: CASUAL }, { call: 'check', t: 'x' })
  assert.match(
    found.text,
    /^Check complete, 3 warnings have been found!\n\nWARNING: FromAsCasing - https:/,
  )
  assert.match(found.text, /Dockerfile:2\n-{20}\n {3}1 \|.*\n {3}2 \| >>> ENV NAME value\n/)
  const answer = found.messages.at(-1)?.aux as unknown as {
    name: string
    status: number
    result: { warnings: Array<{ ruleName: string; location: object }> }
  }
  assert.deepEqual([answer.name, answer.status], ['check', 1])
  assert.deepEqual(answer.result.warnings[1]?.location, {
    ranges: [{ start: { line: 2 }, end: { line: 2 } }],
  })
  const broken = await build(daemon, { Dockerfile: 'FROM busybox\nFOOBAR\n' }, { call: 'check' })
  assert.match(
    broken.error,
    /^dockerfile parse error on line 2: unknown instruction: FOOBAR\nDockerfile:2\n-/,
  )
  const text =
    '# V which one\nARG V=1\n# app the whole\nFROM busybox AS app\nARG V\nRUN --mount=type=secret,id=s true\n'
  const outline = await built(daemon, { Dockerfile: text }, { call: 'outline' })
  assert.equal(
    outline.text,
    'TARGET:      app\nDESCRIPTION: the whole\n\nBUILD ARG   VALUE   DESCRIPTION\nV           1       which one\n\nSECRET   REQUIRED\ns        \n\n',
  )
  const targets = await built(daemon, { Dockerfile: text }, { call: 'targets' })
  assert.equal(targets.text, 'TARGET        DESCRIPTION\napp (default) the whole\n')
  assert.equal((await build(daemon, { Dockerfile: text }, { call: 'nope' })).status, 400)
  assert.equal(await images(), before)
})

test('the command line: --check and --call, and what they exit with', async () => {
  const directory = join(daemon.directory, 'call')
  mkdirSync(directory)
  const call = (text: string, ...flags: string[]): ReturnType<TestDaemon['tdocker']> => {
    writeFileSync(join(directory, 'Dockerfile'), text)
    return daemon.tdocker('build', ...flags, directory)
  }
  const clean = await call('FROM busybox\n', '--check')
  assert.deepEqual([clean.status, clean.stdout], [0, 'Check complete, no warnings found.\n'])
  const found = await call(CASUAL, '--check')
  assert.equal(found.status, 1)
  assert.match(found.stdout, /3 warnings have been found!/)
  assert.equal((await call(CASUAL, '--call=check,ignorestatus=true')).status, 0)
  const json = await call(CASUAL, '--call=check,format=json')
  assert.equal((JSON.parse(json.stdout) as { warnings: unknown[] }).warnings.length, 3)
  const targets = await call('FROM busybox AS a\n', '--call=targets')
  assert.deepEqual([targets.status, targets.stdout], [0, 'TARGET      DESCRIPTION\na (default) \n'])
  const broken = await call('FROM busybox\nFOOBAR\n', '--check')
  assert.equal(broken.status, 1)
  assert.match(
    broken.stderr,
    /ERROR: dockerfile parse error on line 2: unknown instruction: FOOBAR\nDockerfile:2/,
  )
})
