/** The language as a client meets it: where errors are, triggers, what arguments mean. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { build, built, inspect, outputOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const RULE = '-'.repeat(20)

test('a step that fails is shown where it stands, before the error', async () => {
  const made = await build(daemon, { Dockerfile: 'FROM busybox\n\nRUN exit 7\nRUN true\n' })
  // Clients end a line for each.
  assert.deepEqual(
    made.messages.filter(({ stream }) => stream === ''),
    [],
  )
  const [where, error] = made.messages.slice(-2)
  assert.equal(
    where?.stream,
    [
      'Dockerfile:3',
      RULE,
      '   1 |     FROM busybox',
      '   2 |     ',
      '   3 | >>> RUN exit 7',
      '   4 |     RUN true',
      '   5 |     ',
      RULE,
      '',
    ].join('\n'),
  )
  assert.deepEqual(error?.errorDetail, {
    code: 7,
    message: "The command '/bin/sh -c exit 7' returned a non-zero code: 7",
  })
  const other = await build(daemon, { sub: 'FROM scratch\nCOPY nope /\n' }, { dockerfile: 'sub' })
  assert.match(other.text, /sub:2\n-+\n {3}1 \|.*\n {3}2 \| >>> COPY nope \/\n/)
})

test('a file that cannot be read is refused with the place', async () => {
  for (const [text, message] of [
    ['FROM busybox\nFOOBAR x\n', 'dockerfile parse error on line 2: unknown instruction: FOOBAR'],
    ['FROM busybox\nENV a\n', 'failed to parse Dockerfile: ENV must have two arguments'],
    ['FROM ${x\n', 'failed to process "${x": unsupported modifier (\uFFFD) in substitution'],
    ['RUN x\nFROM busybox\n', 'no build stage in current context'],
  ] as const) {
    const made = await build(daemon, { Dockerfile: text })
    assert.equal(made.status, 400)
    const [sentence, place, rule] = made.error.split('\n')
    assert.equal(sentence, message)
    assert.match(place ?? '', /^Dockerfile:[12]$/)
    assert.equal(rule, RULE)
    assert.match(made.error, />>> /)
    assert.equal((await build(daemon, { Dockerfile: text }, { q: '1' })).error, message)
  }
  const target = await build(daemon, { Dockerfile: 'FROM busybox AS build\n' }, { target: 'biuld' })
  assert.equal(target.error, 'target stage "biuld" could not be found (did you mean build?)')
})

test('the language is built in: other frontends are refused, in the file and by argument', async () => {
  const foreign = /^# syntax=.*: other frontends than docker\/dockerfile:1 are not supported$/
  for (const syntax of [
    'example/frontend',
    'docker/dockerfile:2',
    'docker/dockerfile:1-x',
    'x.io/docker/dockerfile:1',
  ]) {
    const made = await build(daemon, { Dockerfile: `# syntax=${syntax}\nFROM scratch\n` })
    assert.equal(made.status, 400)
    assert.match(made.error, foreign)
  }
  const buildargs = JSON.stringify({ BUILDKIT_SYNTAX: 'example/frontend' })
  assert.match(
    (await build(daemon, { Dockerfile: 'FROM scratch\n' }, { buildargs })).error,
    foreign,
  )
  for (const syntax of [
    'docker/dockerfile:1',
    'docker/dockerfile:1.7-labs',
    'docker.io/docker/dockerfile',
  ]) {
    const Dockerfile = `# syntax=${syntax}\nFROM busybox\nLABEL a=b\n`
    await built(daemon, { Dockerfile })
  }
})

test('triggers: of an image and of a stage, copying from stages that nothing else needs', async () => {
  await built(
    daemon,
    {
      Dockerfile: [
        'FROM busybox',
        'ONBUILD ARG WHO=nobody',
        'ONBUILD COPY --from=tool /tool /tool',
        'ONBUILD RUN <<EOF\necho $WHO > /who\nEOF',
      ].join('\n'),
    },
    { t: 'triggers' },
  )
  const Dockerfile = [
    'FROM busybox AS seed',
    'RUN echo tool > /seed',
    'FROM busybox AS tool',
    'COPY --from=seed /seed /tool',
    'FROM triggers AS middle',
    'ONBUILD RUN cat /tool /who > /both',
    'FROM middle',
    'RUN echo $WHO >> /both',
  ].join('\n')
  const made = await built(daemon, { Dockerfile }, { buildargs: JSON.stringify({ WHO: 'me' }) })
  assert.match(made.text, /# Executing 3 build triggers\n/)
  assert.match(made.text, /# Executing 1 build trigger\n/)
  assert.equal(await outputOf(daemon, made.id, 'cat /both'), 'tool\nme\nme\n')
  assert.equal((await inspect(daemon, made.id)).Config?.OnBuild ?? null, null)
})

test('a broken trigger is told at the FROM that runs it', async () => {
  const id = await daemon.run({ Cmd: ['true'] })
  await daemon.wait(id)
  for (const [name, trigger] of [
    ['unknown', 'ONBUILD FOO'],
    ['chained', 'ONBUILD RUN true'],
  ] as const)
    await daemon.api.post(`/commit?container=${id}&repo=${name}`, { OnBuild: [trigger.slice(8)] })
  const made = await build(daemon, { Dockerfile: 'FROM unknown\n' })
  assert.match(made.error, /unknown instruction: FOO/)
  assert.match(made.text, />>> FROM unknown/)
  const many = Array.from({ length: 1001 }, () => 'ENV a=b')
  await daemon.api.post(`/commit?container=${id}&repo=many`, { OnBuild: many })
  const refused = await build(daemon, { Dockerfile: 'FROM many\n' })
  assert.match(refused.error, /instructions is more than the 1000 supported/)
})

test('arguments: proxies, platforms, stages; what comes later counts', async () => {
  const proxy = 'http://user:secret@proxy'
  const given = { HTTP_PROXY: proxy, SET: 'given', BUILDKIT_SANDBOX_HOSTNAME: 'sandbox' }
  const buildargs = JSON.stringify(given)
  const made = await built(
    daemon,
    {
      Dockerfile: [
        'ARG SET=default BASE=busybox',
        'FROM --platform=$TARGETPLATFORM $BASE AS base',
        'ENV LATER=env',
        'ARG LATER=arg SET',
        'FROM base AS named',
        'ARG TARGETSTAGE BUILDOS TARGETOS',
        'RUN echo $LATER $SET $TARGETSTAGE $BUILDOS $TARGETOS $http_proxy $HTTP_PROXY $(hostname) > /seen',
        'ENV PROXY=x$HTTP_PROXY',
      ].join('\n'),
    },
    { buildargs },
  )
  assert.doesNotMatch(made.text, /not consumed/)
  assert.equal(
    await outputOf(daemon, made.id, 'cat /seen; echo $LATER $PROXY'),
    `arg given named linux linux ${proxy} ${proxy} sandbox\nenv x\n`,
  )
  const { body } = await daemon.api.get<unknown>(`/images/${made.id}/history`)
  assert.doesNotMatch(JSON.stringify(body), /secret/)
})
