/** `POST /commit`: what a container has changed becomes a layer. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { TestDaemon, until } from '../../lib/test-daemon.ts'
import { type Query, commit, committed, eventsSince, inspect, ran } from './verbs-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

async function outputOf(image: string, script: string): Promise<string> {
  const id = await ran(daemon, script, { Image: image })
  const text = await daemon.logs(id)
  await daemon.api.delete(`/containers/${id}`)
  return text
}

test('files, modes, links, devices, deletions and what a directory hides come back', async () => {
  const made = await ran(
    daemon,
    [
      'mkdir -p /data/deep && echo one > /data/one && chmod 4751 /data/one',
      'ln /data/one /data/two && ln -s ../one /data/deep/link',
      'mknod /data/pipe p && mknod /data/null c 1 3',
      'chown 12:34 /data/deep && touch -d "2001-02-03 04:05:06" /data/deep/old',
      'rm /bin/ls && rm -r /home && mkdir /home && echo new > /home/only',
      'echo x > /data/with\\ blank',
    ].join(' && '),
  )
  const id = await committed(daemon, { container: made, repo: 'made', tag: 'one' })
  const shown = await outputOf(
    'made:one',
    [
      'stat -c "%n %a %h %F" /data/one /data/two /data/pipe /data/null "/data/with blank"',
      'readlink /data/deep/link; stat -c "%u:%g" /data/deep; stat -c %y /data/deep/old',
      'test -e /bin/ls && echo still; find /home | sort; cat /data/two',
    ].join('; '),
  )
  assert.equal(
    shown,
    [
      '/data/one 4751 2 regular file',
      '/data/two 4751 2 regular file',
      '/data/pipe 644 1 fifo',
      '/data/null 644 1 character special file',
      '/data/with blank 644 1 regular file',
      '../one',
      '12:34',
      '2001-02-03 04:05:06.000000000 +0000',
      '/home',
      '/home/only',
      'one',
      '',
    ].join('\n'),
  )
  const image = await inspect(daemon, id)
  const base = await inspect(daemon, 'busybox')
  assert.equal(image.RootFS.Layers?.length, (base.RootFS.Layers?.length ?? 0) + 1)
  assert.equal(image.Parent, base.Id)
  assert.deepEqual(image.RepoTags, ['made:one'])
  assert.equal(image.Config?.Cmd?.[0], 'sh')
})

test('times keep their nanoseconds, and attributes of users their values', async () => {
  const made = await ran(daemon, 'echo x > /file; mkdir /dir')
  const files = join(daemon.dataRoot, 'containers', made, 'diff')
  const set = await daemon.command('setfattr', ['-n', 'user.note', '-v', 'hello', `${files}/file`])
  assert.equal(set.status, 0, set.stderr)
  await daemon.command('touch', ['-d', '1999-01-01 00:00:00.123456789', `${files}/file`])
  const id = await committed(daemon, { container: made })
  const [layer = ''] = (await inspect(daemon, id)).RootFS.Layers?.slice(-1) ?? []
  const unpacked = join(daemon.dataRoot, 'layers', layer.replace(':', '-'), 'diff', 'file')
  assert.equal(statSync(unpacked, { bigint: true }).mtimeNs % 1_000_000_000n, 123456789n)
  const shown = await daemon.command('getfattr', ['--only-values', '-n', 'user.note', unpacked])
  assert.equal(shown.stdout, 'hello', shown.stderr)
})

test('mount points and other stubs of the engine are no change; volumes stay out', async () => {
  const id = await ran(daemon, 'echo kept > /vol/file; echo x > /etc/hosts', {
    Volumes: { '/vol': {} },
  })
  const image = await inspect(daemon, await committed(daemon, { container: id }))
  const [layer = ''] = image.RootFS.Layers?.slice(-1) ?? []
  const diff = join(daemon.dataRoot, 'layers', layer.replace(':', '-'), 'diff')
  assert.deepEqual(readdirSync(diff), ['vol'])
  assert.deepEqual(readdirSync(join(diff, 'vol')), [])
  assert.deepEqual(image.Config?.Volumes, { '/vol': {} })
})

test('a container that changed nothing makes an image without a layer of its own', async () => {
  const id = await ran(daemon, 'true')
  const image = await inspect(
    daemon,
    await committed(daemon, { container: id, comment: 'nothing' }),
  )
  assert.deepEqual(image.RootFS.Layers, (await inspect(daemon, 'busybox')).RootFS.Layers)
  assert.equal(image.Comment, 'nothing')
})

test('config: the body over the container, changes over both', async () => {
  const id = await ran(daemon, 'echo y > /y', {
    Env: ['A=1', 'B=2'],
    Labels: { from: 'container' },
  })
  const image = await inspect(
    daemon,
    await committed(
      daemon,
      {
        container: id,
        author: 'A. Author',
        comment: 'as told',
        changes: ['ENV C=3', 'EXPOSE 80', 'LABEL x="y z"', 'WORKDIR /data', 'CMD ["ls", "-l"]'],
      },
      { Env: ['B=4'], User: '12', Labels: { own: '1' } },
    ),
  )
  assert.deepEqual(image.Config, {
    User: '12',
    ExposedPorts: { '80/tcp': {} },
    Env: ['B=4', 'C=3', 'A=1'],
    Cmd: ['ls', '-l'],
    WorkingDir: '/data',
    Labels: { from: 'container', own: '1', x: 'y z' },
  })
  assert.equal(image.Author, 'A. Author')
  assert.equal(image.Comment, 'as told')
  const old = await inspect(daemon, image.Id, '/v1.44')
  assert.equal(old.Container, id)
  assert.deepEqual(old.ContainerConfig?.['Cmd'], ['sh', '-c', 'echo y > /y'])
  assert.equal('Container' in image, false)
})

test('events: frozen, made, named, told, thawed', async () => {
  const id = await daemon.run({ Cmd: ['sleep', '600'], Labels: { a: 'b' } }, 'frozen')
  const since = Math.floor(Date.now() / 1000) - 1
  const image = await committed(daemon, { container: 'frozen', repo: 'of-frozen', comment: 'c' })
  const told = (await eventsSince(daemon, since)).filter(
    ({ Actor }) => Actor.ID === id || Actor.ID === image,
  )
  const actions = told.map(({ Type, Action }) => `${Type} ${Action}`)
  assert.deepEqual(actions.slice(actions.indexOf('container pause')), [
    'container pause',
    'image create',
    'image tag',
    'container commit',
    'container unpause',
  ])
  const { Attributes } = told.find(({ Action }) => Action === 'commit')!.Actor
  assert.deepEqual(Attributes, {
    a: 'b',
    comment: 'c',
    image: 'busybox',
    imageID: image,
    imageRef: 'of-frozen:latest',
    name: 'frozen',
  })
  await daemon.api.post('/commit?container=frozen&pause=0')
  const after = (await eventsSince(daemon, since)).map(({ Action }) => Action)
  assert.equal(after.filter((action) => action === 'pause').length, 1)
  await daemon.api.delete('/containers/frozen?force=1')
})

test('what cannot be: no such container, bad names, bad changes; nothing is made', async () => {
  const id = await ran(daemon, 'echo z > /z')
  const before = (await daemon.api.get<unknown[]>('/images/json?all=1')).body.length
  const cases: Array<[Query, number, string]> = [
    [{ container: 'nobody' }, 404, 'No such container: nobody'],
    [{ container: '' }, 400, 'invalid name or ID supplied: ""'],
    [
      { container: id, repo: 'UPPER' },
      400,
      'invalid reference format: repository name (library/UPPER) must be lowercase',
    ],
    [{ container: id, repo: 'x', tag: '-' }, 400, 'invalid tag format'],
    [{ container: id, repo: `x@sha256:${'0'.repeat(64)}` }, 400, 'cannot import digest reference'],
    [
      { container: 'nobody', repo: 'UPPER' },
      400,
      'invalid reference format: repository name (library/UPPER) must be lowercase',
    ],
    [{ container: id, changes: 'RUN x' }, 400, 'RUN is not a valid change command'],
  ]
  for (const [query, status, message] of cases) {
    const answer = await commit(daemon, query)
    assert.deepEqual([answer.status, answer.body.message], [status, message])
  }
  const bad = await commit(daemon, { container: id }, { Env: 'x' } as object)
  assert.equal(bad.status, 400)
  assert.equal((await daemon.api.get<unknown[]>('/images/json?all=1')).body.length, before)
})

test('a removal does not wait for a commit, which then fails', async () => {
  const id = await ran(daemon, 'dd if=/dev/zero of=/big bs=1M count=200 2>/dev/null')
  const answering = commit(daemon, { container: id, repo: 'half' })
  const removed = await daemon.api.delete(`/containers/${id}?force=1`)
  assert.equal(removed.status, 204)
  const answer = await answering
  if (answer.status === 201) return
  assert.ok([404, 409].includes(answer.status), answer.text)
  assert.equal((await daemon.api.get('/images/half/json')).status, 404)
})

test('a daemon killed in a commit leaves the container running and nothing half-made', async () => {
  const id = await daemon.run({
    Cmd: [
      'sh',
      '-c',
      'dd if=/dev/zero of=/big bs=1M count=300 2>/dev/null; touch /done; sleep 600',
    ],
  })
  const big = join(daemon.dataRoot, 'containers', id, 'diff')
  await until('the file', () => readdirSync(big).includes('done'))
  const answering = commit(daemon, { container: id, repo: 'lost' }).catch(() => undefined)
  const state = async (): Promise<string> =>
    (await daemon.api.get<{ State: { Status: string } }>(`/containers/${id}/json`)).body.State
      .Status
  await until('the pause', async () => (await state()) === 'paused')
  await daemon.crash()
  await answering
  await daemon.boot()
  await until('the thaw', async () => (await state()) === 'running')
  const layers = join(daemon.dataRoot, 'layers')
  const found = await daemon.api.get('/images/lost/json')
  if (found.status === 404)
    await until('clean layers', () => !readdirSync(layers).some((name) => name.startsWith('unp')))
  await daemon.api.delete(`/containers/${id}?force=1`)
})
