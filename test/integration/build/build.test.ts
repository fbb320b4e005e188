/** `POST /build`: steps, cache, stages, failures. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { build, built, cachedSteps, inspect, outputOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

test('a build says what moby says, and the image is as its steps made it', async () => {
  const made = await built(
    daemon,
    {
      Dockerfile: [
        'FROM busybox',
        'ENV A=1 B="two words"',
        'WORKDIR /srv/deep',
        'COPY hello.txt ./',
        'RUN echo out && echo err >&2 && cat hello.txt > copy && id -u',
        'EXPOSE 80 53/udp',
        'LABEL one=1',
        'CMD ["cat", "copy"]',
      ].join('\n'),
      'hello.txt': 'hello\n',
    },
    { t: ['made', 'made:two'], labels: '{"given":"yes"}' },
  )
  const said = made.text.replace(/[0-9a-f]{12}/g, 'ID')
  assert.match(
    said,
    /^Step 1\/9 : FROM busybox\n ---> ID\nStep 2\/9 : ENV A=1 B="two words"\n ---> ID\n/,
  )
  assert.match(said, /Step 5\/9 : RUN echo out .*\n ---> Running in ID\n/)
  assert.match(said, /\nout\n/)
  assert.match(said, /\nerr\n/)
  assert.match(said, / ---> Removed intermediate container ID\n ---> ID\n/)
  assert.match(
    said,
    /Step 9\/9 : LABEL given=yes\n ---> ID\nSuccessfully built ID\nSuccessfully tagged made:latest\nSuccessfully tagged made:two\n$/,
  )
  const image = await inspect(daemon, 'made:two')
  assert.equal(image.Id, made.id)
  assert.deepEqual(image.Config?.Cmd, ['cat', 'copy'])
  assert.equal(image.Config?.WorkingDir, '/srv/deep')
  assert.deepEqual(image.Config?.Labels, { one: '1', given: 'yes' })
  assert.deepEqual(Object.keys(image.Config?.ExposedPorts ?? {}).toSorted(), ['53/udp', '80/tcp'])
  assert.ok(image.Config?.Env?.includes('B=two words'))
  assert.equal(
    await outputOf(daemon, 'made', 'pwd; cat copy; stat -c "%U %a" hello.txt'),
    '/srv/deep\nhello\nroot 644\n',
  )
  const { body } = await daemon.api.get<Array<{ CreatedBy: string }>>('/images/made/history')
  const steps = body.map(({ CreatedBy }) => CreatedBy).slice(0, 8)
  assert.equal(steps[1], '/bin/sh -c #(nop)  CMD ["cat" "copy"]')
  assert.match(steps[4]!, /^\/bin\/sh -c echo out/)
  assert.match(steps[5]!, /^\/bin\/sh -c #\(nop\) COPY file:[0-9a-f]{64} in \.\/ $/)
  assert.equal((await daemon.api.get<unknown[]>('/containers/json?all=1')).body.length, 0)
})

test('a second build is cached, and a changed file runs just what is behind it', async () => {
  const files = (two: string) => ({
    Dockerfile:
      'FROM busybox\nCOPY one /one\nRUN cat /one > /first\nCOPY two /two\nRUN cat /two > /second\n',
    one: 'one',
    two,
  })
  const first = await built(daemon, files('a'))
  assert.equal(cachedSteps(first), 0)
  const again = await built(daemon, files('a'))
  assert.equal(cachedSteps(again), 4)
  assert.equal(again.id, first.id)
  const changed = await built(daemon, files('b'))
  assert.equal(cachedSteps(changed), 2)
  assert.equal(await outputOf(daemon, changed.id, 'cat /first /second'), 'oneb')
  const none = await built(daemon, files('b'), { nocache: '1' })
  assert.equal(cachedSteps(none), 0)
})

test('only the stages that are needed run, and copy from each other', async () => {
  const made = await built(daemon, {
    Dockerfile: [
      'ARG BASE=busybox',
      'FROM $BASE AS one',
      'RUN echo from one > /file && chown 12:34 /file',
      'FROM busybox AS never',
      'RUN false',
      'FROM busybox AS two',
      'RUN mkdir /dir && echo two > /dir/inner',
      'FROM scratch',
      'COPY --from=busybox /bin /bin',
      'COPY --from=one /file /a/file',
      'COPY --from=2 /dir /dir',
    ].join('\n'),
  })
  assert.equal(
    await outputOf(daemon, made.id, 'cat /a/file /dir/inner; stat -c %u:%g /a/file; stat -c %a /a'),
    'from one\ntwo\n12:34\n755\n',
  )
  assert.doesNotMatch(made.text, /never/)
})

test('--target ends a build early; one that is not there is told', async () => {
  const Dockerfile = 'FROM busybox AS a\nRUN echo a > /a\nFROM a AS b\nRUN false\n'
  const made = await built(daemon, { Dockerfile }, { target: 'A' })
  assert.equal(await outputOf(daemon, made.id, 'cat /a'), 'a\n')
  const wrong = await build(daemon, { Dockerfile }, { target: 'elsewhere' })
  assert.equal(wrong.error, 'target stage "elsewhere" could not be found')
})

test('a failing command is told with its code, and leaves nothing running', async () => {
  const made = await build(daemon, {
    Dockerfile: 'FROM busybox\nRUN echo before; exit 7\nRUN true',
  })
  assert.equal(made.status, 200)
  assert.equal(
    made.error,
    "The command '/bin/sh -c echo before; exit 7' returned a non-zero code: 7",
  )
  assert.equal(made.messages.at(-1)?.errorDetail?.code, 7)
  assert.match(made.text, /before\n/)
  assert.equal((await daemon.api.get<unknown[]>('/containers/json?all=1')).body.length, 0)
})

test('arguments: defaults, given values, scopes, and those that nobody asked for', async () => {
  const Dockerfile = [
    'ARG GLOBAL=g',
    'FROM busybox',
    'ARG ONE=1',
    'ARG TWO',
    'ARG GLOBAL',
    'ARG TARGETARCH',
    'ENV ONE=env',
    'RUN echo "$ONE-$TWO-$GLOBAL-$TARGETARCH-$http_proxy" > /said',
  ].join('\n')
  const buildargs = JSON.stringify({ TWO: 'two', OTHER: 'x', http_proxy: 'proxy', NONE: null })
  const made = await built(daemon, { Dockerfile }, { buildargs })
  assert.equal(await outputOf(daemon, made.id, 'cat /said'), 'env-two-g-amd64-proxy\n')
  assert.match(made.text, /\[Warning\] One or more build-args \[NONE OTHER\] were not consumed\n/)
  const { body } = await daemon.api.get<Array<{ CreatedBy: string }>>(`/images/${made.id}/history`)
  assert.match(body[0]!.CreatedBy, /^\|3 GLOBAL=g TARGETARCH=amd64 TWO=two \/bin\/sh -c echo/)
  assert.doesNotMatch(JSON.stringify(body), /proxy"/)
})

test('quiet builds answer the id alone, and tell all when they fail', async () => {
  const made = await build(daemon, { Dockerfile: 'FROM busybox\nRUN echo loud' }, { q: '1' })
  assert.match(made.text, /^sha256:[0-9a-f]{64}\n$/)
  assert.equal(made.messages.length, 1)
  const failed = await build(
    daemon,
    { Dockerfile: 'FROM busybox\nRUN echo why; false' },
    { q: '1' },
  )
  assert.match(failed.text, /why\n/)
  assert.match(failed.error, /returned a non-zero code: 1$/)
})

test('triggers of the base run first, and are the base image no more', async () => {
  await built(
    daemon,
    { Dockerfile: 'FROM busybox\nONBUILD COPY a /a\nONBUILD RUN cat /a > /b\n' },
    { t: 'triggers' },
  )
  const made = await built(daemon, { Dockerfile: 'FROM triggers\nRUN cat /b > /c', a: 'A' })
  assert.match(made.text, /# Executing 2 build triggers\n/)
  assert.equal(await outputOf(daemon, made.id, 'cat /c'), 'A')
  assert.equal((await inspect(daemon, made.id)).Config?.OnBuild ?? null, null)
})

test('what is wrong is told before anything runs', async () => {
  for (const [files, query, status, error] of [
    [{ Dockerfile: 'FROM busybox\nNOSUCH x' }, {}, 400, /unknown instruction: NOSUCH/],
    [{ other: 'x' }, {}, 400, /^Cannot locate specified Dockerfile: Dockerfile$/],
    [{ Dockerfile: '' }, {}, 400, /cannot be empty/],
    [{ Dockerfile: 'FROM busybox' }, { t: 'UPPER' }, 400, /invalid reference format/],
    [{ Dockerfile: 'FROM busybox' }, { buildargs: '[]' }, 400, /error reading build args/],
    [{ Dockerfile: 'FROM busybox' }, { remote: 'git://x/y.git' }, 500, /failed to fetch remote/],
    [Buffer.from('no tar at all'.repeat(100)), {}, 400, /Error processing tar file/],
  ] as const) {
    const made = await build(daemon, files as never, query)
    assert.equal(made.status, status, made.text + made.error)
    assert.match(made.error, error)
  }
})
