/** `POST /build?trace=1`: what displays and histories are told. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { BUILD_TRACE_ID, type WireSolveStatus, type WireVertex } from '@tdocker/api/build-trace.ts'
import { startRegistry } from '../../lib/registry.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { type Built, type Files, build } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

interface Traced extends Built {
  statuses: WireSolveStatus[]
  /** As they are at the end, by name, in the order of their start. */
  vertexes: Map<string, WireVertex>
  log(name: string): string
}

async function traced(files: Files, query: Record<string, string> = {}): Promise<Traced> {
  const made = await build(daemon, files, { ...query, trace: '1' })
  const statuses = made.messages
    .filter(({ id }) => id === BUILD_TRACE_ID)
    .map(({ aux }) => aux as WireSolveStatus)
  const last = new Map<string, WireVertex>()
  for (const vertex of statuses.flatMap((each) => each.vertexes ?? []))
    last.set(vertex.digest, vertex)
  const vertexes = new Map([...last.values()].map((vertex) => [vertex.name, vertex]))
  const log = (name: string): string =>
    statuses
      .flatMap((each) => each.logs ?? [])
      .filter(({ vertex }) => vertex === vertexes.get(name)?.digest)
      .map(({ data }) => Buffer.from(data, 'base64').toString())
      .join('')
  return { ...made, statuses, vertexes, log }
}

test('steps are named as BuildKit names them, and told from announcement to end', async () => {
  const files = {
    Dockerfile: [
      'FROM busybox AS base',
      'ENV WHO=world',
      'RUN echo hello $WHO; echo wrong >&2',
      'FROM base',
      'COPY in /in',
      'RUN <<EOF',
      'echo one',
      'EOF',
      'WORKDIR /x',
    ].join('\n'),
    in: 'x',
  }
  const first = await traced(files, { t: 'traced' })
  assert.equal(first.error, '')
  assert.deepEqual([...first.vertexes.keys()].toSorted(), [
    '[base 1/2] FROM docker.io/library/busybox:latest',
    '[base 2/2] RUN echo hello world; echo wrong >&2',
    '[internal] load build context',
    '[internal] load build definition from Dockerfile',
    '[stage-1 1/3] COPY in /in',
    '[stage-1 2/3] RUN <<EOF (echo one)',
    '[stage-1 3/3] WORKDIR /x',
    'exporting to image',
  ])
  for (const [name, { started, completed }] of first.vertexes)
    assert.ok(started! <= completed!, name)
  const hello = first.log('[base 2/2] RUN echo hello world; echo wrong >&2')
  assert.deepEqual(hello.split('\n').toSorted(), ['', 'hello world', 'wrong'])
  const announced = first.statuses.findIndex(({ vertexes: [one] = [] }) =>
    one?.name.startsWith('[stage-1 3/3]'),
  )
  const begun = first.statuses.findIndex(
    ({ vertexes: [one] = [] }) => one?.name.startsWith('[base 2/2]') && one.started,
  )
  assert.ok(announced < begun, 'what will come is known before anything runs')
  const named = first.statuses.flatMap((each) => each.statuses ?? []).map(({ id }) => id)
  assert.ok(named.includes(`writing image ${first.id}`), named.join())
  assert.equal(first.text, '', 'no classic text beside it')

  const second = await traced(files)
  const ran = [...second.vertexes.values()].filter(
    ({ cached, name }) => !cached && /\d\/\d/.test(name),
  )
  assert.deepEqual(ran, [])
})

test('a failed step has its error, its output, and its place in the Dockerfile', async () => {
  const made = await traced({
    Dockerfile:
      'FROM busybox\nRUN sleep 1000\nFROM busybox\nRUN echo why; exit 3\nCOPY --from=0 /a /a\n',
  })
  assert.match(made.error, /returned a non-zero code: 3/)
  assert.equal(made.messages.at(-1)?.errorDetail?.code, 3)
  assert.equal(
    made.vertexes.get('[stage-1 2/3] RUN echo why; exit 3')?.error,
    'process "/bin/sh -c echo why; exit 3" did not complete successfully: exit code: 3',
  )
  assert.equal(made.vertexes.get('[stage-0 2/2] RUN sleep 1000')?.error, 'context canceled')
  const excerpts = made.statuses.flatMap(({ excerpt }) => excerpt ?? [])
  assert.equal(excerpts.length, 1)
  assert.match(excerpts[0]!, /^Dockerfile:4\n-+\n[^]* {3}4 \| >>> RUN echo why; exit 3\n/)
})

test('a step begins when the stages that it copies from are made', async () => {
  const made = await traced({
    Dockerfile:
      'FROM busybox AS a\nRUN sleep 1; touch /a\nFROM busybox\nCOPY --from=a /a /a\nRUN --mount=from=a,target=/m true\n',
  })
  assert.equal(made.error, '')
  const ended = made.vertexes.get('[a 2/2] RUN sleep 1; touch /a')!.completed!
  assert.ok(ended <= made.vertexes.get('[stage-1 2/3] COPY --from=a /a /a')!.started!)
})

test('what is pulled on the way shows its layers: of a base, and of what is copied from', async () => {
  await using registry = await startRegistry()
  for (const name of ['base', 'other']) {
    const image = `${registry.host}/${name}`
    await build(daemon, { Dockerfile: `FROM busybox\nRUN echo ${name} > /${name}\n` }, { t: image })
    await daemon.api.request('POST', `/images/${image}/push?tag=latest`, undefined, {
      'X-Registry-Auth': 'e30=',
    })
    await daemon.api.delete(`/images/${image}:latest`)
  }
  await daemon.api.post('/build/prune?all=1')
  const { host } = registry
  const made = await traced({
    Dockerfile: `FROM ${host}/base\nCOPY --from=${host}/other /other /other\n`,
  })
  assert.equal(made.error, '')
  const base = made.vertexes.get(`[1/2] FROM ${host}/base:latest`)!
  const copy = made.vertexes.get(`[2/2] COPY --from=${host}/other /other /other`)!
  assert.equal(base.cached, undefined)
  for (const { digest, name } of [base, copy]) {
    const own = made.statuses
      .flatMap((each) => each.statuses ?? [])
      .filter(({ vertex }) => vertex === digest)
    assert.ok(
      own.some(({ completed }) => completed),
      name,
    )
  }
})

test('so has a Dockerfile that cannot be read', async () => {
  const made = await traced({ Dockerfile: 'FROM busybox\nNONSENSE x\n' })
  assert.match(made.error, /dockerfile parse error on line 2: unknown instruction: NONSENSE/)
  assert.match(made.statuses.flatMap(({ excerpt }) => excerpt ?? []).join(), /^Dockerfile:2\n/)
})

test('triggers of the base image are steps of their own', async () => {
  await build(daemon, { Dockerfile: 'FROM busybox\nONBUILD RUN echo trigger\n' }, { t: 'trigger' })
  const made = await traced({ Dockerfile: 'FROM trigger\nRUN echo own\n' })
  assert.deepEqual(
    [...made.vertexes.keys()].filter((name) => /^\[\d/.test(name)),
    [
      '[1/2] FROM docker.io/library/trigger:latest',
      '[3/3] RUN echo own',
      '[2/3] ONBUILD RUN echo trigger',
    ],
  )
})

test('a step that talks too much is clipped in the trace', async () => {
  const made = await traced({
    Dockerfile: 'FROM busybox\nRUN yes | head -c 4000000\n',
  })
  const log = made.log('[2/2] RUN yes | head -c 4000000')
  assert.match(log, /\[output clipped, log limit 2MiB reached\]\n$/)
  assert.ok(log.length < 2.5 * 1024 * 1024)
})
