/** `--mount type=image`: another image's files, read-only, in a container. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TestDaemon, until } from '../../lib/test-daemon.ts'
import { get } from '../archive/archive-rig.ts'
import { inspect, ran, remove, removeContainer, removed, step, tag } from './verbs-rig.ts'

let daemon: TestDaemon
let tools: string
before(async () => {
  daemon = await TestDaemon.start()
  const lower = await step(
    daemon,
    'busybox',
    'mkdir -p /opt/tools/bin && echo low > /opt/tools/low',
  )
  const script = 'echo high > /opt/tools/high; rm /opt/tools/low; ln -s / /opt/tools/out'
  tools = await step(daemon, lower, script, { repo: 'tools' })
})
after(() => daemon[Symbol.asyncDispose]())

interface ImageMount {
  Type: 'image'
  Source?: string
  Target: string
  ReadOnly?: boolean
  ImageOptions?: { Subpath?: string }
}

const mount = (Target: string, Subpath?: string, Source = 'tools'): ImageMount => ({
  Type: 'image',
  Source,
  Target,
  ...(Subpath !== undefined && { ImageOptions: { Subpath } }),
})

const withMounts = (...Mounts: object[]): { HostConfig: object } => ({ HostConfig: { Mounts } })

test('the whole image or a part of it, merged and read-only', async () => {
  const id = await ran(
    daemon,
    [
      'ls /all/opt/tools; cat /part/high; cat /file',
      'touch /all/x 2>&1; touch /part/x 2>&1; echo x 2>&1 > /file',
      'grep -c " /part .*[ ,]ro[ ,]" /proc/mounts',
    ].join('; '),
    withMounts(mount('/all'), mount('/part', 'opt/tools'), mount('/file', 'opt/tools/high')),
  )
  const shown = await daemon.logs(id)
  assert.match(shown, /^bin\nhigh\nout\nhigh\nhigh\n/)
  assert.match(shown, /\/all\/x: Read-only file system/)
  assert.match(shown, /\/part\/x: Read-only file system/)
  assert.match(shown, /file: Read-only file system/)
  assert.match(shown, /^1$/m)
  const { body } = await daemon.api.get<{
    Mounts: Array<Record<string, unknown>>
    HostConfig: { Mounts: unknown[] }
  }>(`/containers/${id}/json`)
  const [all] = body.Mounts
  assert.deepEqual(all, {
    Type: 'image',
    Name: 'tools',
    Source: tools,
    Destination: '/all',
    Mode: '',
    RW: false,
    Propagation: 'rprivate',
  })
  assert.deepEqual(body.HostConfig.Mounts[1], mount('/part', 'opt/tools'))
  // What is mounted is seen by cp, and is no change of the container's own.
  assert.equal((await get(daemon, id, '/part/high'))[0]?.content.toString(), 'high\n')
  const changed = await daemon.api.get<Array<{ Path: string }>>(`/containers/${id}/changes`)
  assert.deepEqual(changed.body.map(({ Path }) => Path).toSorted(), ['/all', '/file', '/part'])
  await removeContainer(daemon, id)
})

test('what cannot be mounted', async () => {
  const create = (
    ...mounts: object[]
  ): ReturnType<typeof daemon.api.post<{ Id: string; message: string }>> =>
    daemon.api.post('/containers/create', { Image: 'busybox', ...withMounts(...mounts) })
  const cases: Array<[ImageMount, number, string]> = [
    [mount('/x', undefined, 'nobody'), 404, 'No such image: nobody:latest'],
    [
      mount('/x', undefined, ''),
      400,
      'invalid mount config for type "image": field Source must not be empty',
    ],
    [
      mount('/x', '../up'),
      400,
      'invalid mount config for type "image": subpath must be a relative path within the volume',
    ],
    [
      mount('/x', '/abs'),
      400,
      'invalid mount config for type "image": subpath must be a relative path within the volume',
    ],
    [
      mount('/'),
      400,
      `invalid mount config for type "image": invalid specification: destination can't be '/'`,
    ],
  ]
  for (const [wish, status, message] of cases) {
    const answer = await create(wish)
    assert.deepEqual([answer.status, answer.body.message], [status, message])
  }
  const old = await daemon.api.post<{ message: string }>('/v1.47/containers/create', {
    Image: 'busybox',
    ...withMounts(mount('/x')),
  })
  assert.equal(old.body.message, 'Mount type "Image" needs API v1.48 or newer')
  // A subpath is looked for at the start; links in it lead nowhere.
  for (const [subpath, status] of [
    ['opt/nothing', 404],
    ['opt/tools/out/etc', 404],
  ] as const) {
    const { body } = await create(mount('/x', subpath))
    const started = await daemon.api.post<{ message: string }>(`/containers/${body.Id}/start`)
    assert.equal(started.status, status, started.text)
    assert.match(started.body.message, /^cannot access path .*opt\//)
    await removeContainer(daemon, body.Id)
  }
})

test('an image that is mounted stays as long as the container, whatever becomes of its name', async () => {
  const extra = await step(daemon, 'busybox', 'echo here > /here', { repo: 'extra' })
  const id = await daemon.run({
    Cmd: ['sleep', '600'],
    ...withMounts(mount('/extra', undefined, 'extra')),
  })
  const layers = (): number => readdirSync(join(daemon.dataRoot, 'layers')).length
  const before = layers()
  const refused = await remove(daemon, 'extra')
  assert.equal(refused.status, 409)
  assert.match(refused.body.message, /unable to remove repository reference "extra" \(must force\)/)
  assert.deepEqual(await removed(daemon, extra, { force: '1' }), ['extra:latest', extra])
  assert.equal((await daemon.api.get('/images/extra/json')).status, 404)
  assert.equal(layers(), before)
  await daemon.api.post(`/containers/${id}/restart?t=0`)
  const exec = await daemon.tdocker('exec', id, 'cat', '/extra/here')
  assert.equal(exec.stdout, 'here\n', exec.stderr)
  await daemon.crash()
  await daemon.boot()
  await daemon.api.post('/images/prune')
  assert.equal(layers(), before)
  await removeContainer(daemon, id)
  await until('its layer to go', () => layers() === before - 1)
})

test('by the command line, and shared by another container', async () => {
  await tag(daemon, 'tools', 'tools:two')
  const first = await daemon.tdocker(
    ...[
      'run',
      '--name',
      'first',
      '--mount',
      'type=image,src=tools:two,dst=/t,image-subpath=opt/tools',
    ],
    ...['busybox', 'cat', '/t/high'],
  )
  assert.deepEqual([first.status, first.stdout], [0, 'high\n'], first.stderr)
  const second = await daemon.docker(
    ...['run', '--rm', '--volumes-from', 'first', 'busybox', 'cat', '/t/high'],
  )
  assert.deepEqual([second.status, second.stdout], [0, 'high\n'], second.stderr)
  const none = await daemon.docker(
    ...['run', '--rm', '--pull', 'never', '--mount', 'type=image,src=nobody,dst=/t'],
    ...['busybox', 'true'],
  )
  assert.equal(none.status, 125)
  assert.match(none.stderr, /No such image: nobody:latest/)
  assert.equal((await inspect(daemon, 'tools')).Id, tools)
  await removeContainer(daemon, 'first')
})
