/** The same sources give the same image: on another machine, another day, with other times of files. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { tarOf } from '../../lib/image-maker.ts'
import { type TestRegistry, startRegistry } from '../../lib/registry.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { type Built, build, built, cachedSteps, inspect, outputOf } from './build-rig.ts'

const EPOCH = 1_600_000_000
const EPOCH_TEXT = '2020-09-13T12:26:40Z'

let one: TestDaemon
let two: TestDaemon
let registry: TestRegistry
before(async () => {
  ;[one, registry] = await Promise.all([TestDaemon.start(), startRegistry()])
  two = await TestDaemon.start({ busybox: false })
  // Of the same base: an import has the time of its day.
  const body = await streamed(one, '/images/busybox/get')
  await two.api.request('POST', '/images/load', body, { 'Content-Type': 'application/x-tar' })
})
after(async () => {
  await one[Symbol.asyncDispose]()
  await two?.[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

async function streamed(daemon: TestDaemon, path: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of await daemon.api.stream('GET', path)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const DOCKERFILE = [
  'FROM busybox AS make',
  'WORKDIR /made/by/workdir',
  'RUN date > /dev/null && echo made > out && ln out hard && ln -s out soft && mkdir -p z y x',
  'RUN --mount=type=cache,target=/var/c --mount=type=tmpfs,target=/var/t touch /var/c/x /var/t/x && cat /etc/hosts >/dev/null',
  'FROM busybox',
  'ARG NAME=default',
  'ENV A=1 B=2',
  'COPY --from=make /made /made',
  'COPY --chown=7:8 dir new/place/',
  'ADD archive.tar /unpacked',
  'RUN rm /made/by/workdir/soft && echo $NAME >> /etc/profile && chmod 600 /new/place/b',
  'LABEL z=1 a=2',
  'CMD ["sh"]',
].join('\n')

/** Two sources of the same content. */
async function context(seconds: number, order: 'forward' | 'backward'): Promise<Buffer> {
  const mtime = new Date(seconds * 1000)
  const inner = await tarOf([{ name: 'inside', content: 'of an archive', mtime: new Date(1e12) }])
  const files = [
    { name: 'Dockerfile', content: DOCKERFILE, mtime },
    { name: 'dir/a', content: 'a', mtime },
    { name: 'dir/b', content: 'b', mtime },
    { name: 'dir/sub/c', content: 'c', mode: 0o755, mtime },
    { name: 'archive.tar', content: inner, mtime },
  ]
  return tarOf(order === 'forward' ? files : files.toReversed())
}

const outputs = (attributes: Record<string, string>): string =>
  JSON.stringify([{ Type: 'image', Attrs: { 'rewrite-timestamp': 'true', ...attributes } }])
const epoch = (seconds: number): string => JSON.stringify({ SOURCE_DATE_EPOCH: `${seconds}` })

test('two machines, two days: one digest, of the config and of what is pushed', async () => {
  const name = (tag: string): string => `${registry.host}/app:${tag}`
  const make = async (
    daemon: TestDaemon,
    tag: string,
    body: Buffer,
    more: Record<string, string> = {},
  ): Promise<Built & { pushed: string }> => {
    const made = await built(daemon, body, {
      buildargs: epoch(EPOCH),
      outputs: outputs({ name: name(tag), push: 'true' }),
      ...more,
    })
    const told = made.messages.find(({ id }) => id === 'tdocker.output')?.aux
    const { Metadata } = told as { Metadata: Record<string, string> }
    assert.equal(Metadata['containerimage.config.digest'], made.id)
    assert.equal(Metadata['image.name'], name(tag))
    return { ...made, pushed: Metadata['containerimage.digest']! }
  }
  const first = await make(one, 'a', await context(1_700_000_000, 'forward'))
  const second = await make(two, 'b', await context(1_710_000_000, 'backward'))
  assert.equal(second.id, first.id)
  assert.equal(second.pushed, first.pushed)
  assert.notEqual(first.pushed, first.id)
  const again = await make(one, 'c', await context(1_720_000_000, 'forward'))
  assert.ok(cachedSteps(again) > 0)
  assert.equal(again.id, first.id)
  const anew = await make(one, 'd', await context(1_720_000_000, 'backward'), { nocache: '1' })
  assert.equal(cachedSteps(anew), 0)
  assert.equal(anew.id, first.id)
  assert.equal(anew.pushed, first.pushed)
  const archives = await Promise.all(
    [one, two].map((daemon) => streamed(daemon, `/images/${first.id}/get`)),
  )
  assert.ok(archives[0]!.equals(archives[1]!))
})

test('nothing in the image is later than the epoch, and nothing tells of its containers', async () => {
  const made = await built(one, await context(1_700_000_000, 'forward'), {
    buildargs: epoch(EPOCH),
    outputs: outputs({ name: 'stamped' }),
  })
  const image = await inspect(one, 'stamped')
  assert.equal(image.Id, made.id)
  assert.equal(image.Created, EPOCH_TEXT)
  const { body } =
    await one.api.get<Array<{ Created: number; Id: string; CreatedBy: string }>>(
      '/images/stamped/history',
    )
  assert.match(body[0]!.CreatedBy, /CMD/)
  assert.equal(new Set(body.map(({ Id }) => Id)).size, body.length)
  assert.ok(body.slice(0, -1).every(({ Created }) => Created === EPOCH))
  const late = await outputOf(
    one,
    'stamped',
    `touch -d @${EPOCH} /tmp/ref; find /made /new /unpacked /etc/profile -newer /tmp/ref; stat -c %Y /unpacked/inside /new`,
  )
  assert.equal(late, `1000000000\n${EPOCH}\n`)
  const config = JSON.stringify(image)
  assert.doesNotMatch(config, /"Container":"[0-9a-f]/)
  const { body: shown } = await one.api.get<Array<{ Id: string }>>('/images/json')
  assert.ok(image.Parent && shown.every(({ Id }) => Id !== image.Parent), 'its last step is none')
})

test('another epoch needs no step again; files older than it keep their times', async () => {
  const files = await context(1_000_000_001, 'forward')
  await built(one, files, { buildargs: epoch(EPOCH), outputs: outputs({}), nocache: '1' })
  const later = await built(one, files, { buildargs: epoch(EPOCH + 60), outputs: outputs({}) })
  assert.equal(cachedSteps(later), 11)
  const seen = await outputOf(one, later.id, 'stat -c %Y /new/place/a /new/place')
  assert.equal(seen, `1000000001\n${EPOCH + 60}\n`)
})

test('the epoch alone is the time of config and history, and of directories of WORKDIR', async () => {
  const Dockerfile =
    'ARG SOURCE_DATE_EPOCH\nFROM busybox\nARG SOURCE_DATE_EPOCH\nWORKDIR /w\nENV E=$SOURCE_DATE_EPOCH\n'
  const made = await built(one, { Dockerfile }, { buildargs: epoch(EPOCH), t: 'plain' })
  const image = await inspect(one, 'plain')
  assert.equal(image.Created, EPOCH_TEXT)
  assert.ok(image.Config?.Env?.includes(`E=${EPOCH}`))
  assert.equal(await outputOf(one, made.id, 'stat -c %Y /w'), `${EPOCH}\n`)
  assert.doesNotMatch(made.text, /were not consumed/)
  assert.equal((await built(two, { Dockerfile }, { buildargs: epoch(EPOCH) })).id, made.id)
  const wrong = await build(one, { Dockerfile }, { buildargs: '{"SOURCE_DATE_EPOCH":"today"}' })
  assert.equal(wrong.error, 'invalid SOURCE_DATE_EPOCH: today')
  const none = await built(one, { Dockerfile }, { outputs: outputs({}) })
  assert.match(none.text, /no source-date-epoch was found/)
})
