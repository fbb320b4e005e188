/** What `docker diff` tells, and what `docker export` packs. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { patience } from '../../lib/patience.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'
import { makeTar } from '../kernel/tar-maker.ts'
import { create, download, entriesOf, get, put, remove } from './archive-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

interface Change {
  Path: string
  Kind: number
}

async function changes(id: string): Promise<string[] | null> {
  const answer = await daemon.api.get<Change[] | null>(`/containers/${id}/changes`)
  assert.equal(answer.status, 200, answer.text)
  return answer.body?.map(({ Path, Kind }) => `${'CAD'[Kind]} ${Path}`) ?? null
}

/** Runs a script to its end and answers the container. */
async function ran(script: string, hostConfig: object = {}): Promise<string> {
  const id = await daemon.run({
    Cmd: ['sh', '-c', script],
    HostConfig: { NetworkMode: 'none', ...hostConfig },
  })
  assert.equal(await daemon.wait(id), 0)
  return id
}

test('nothing changed: what every container gets is no change', async () => {
  const id = await ran('true')
  assert.equal(await changes(id), null)
  const fresh = await create(daemon, {})
  assert.equal(await changes(fresh), null)
  await remove(daemon, fresh)
  await remove(daemon, id)
})

test('added, changed and deleted, with the directories they are in', async () => {
  const id = await ran(
    [
      'echo new > /tmp/new',
      'echo more >> /etc/group',
      'rm /bin/ls',
      'mkdir -p /a/b && echo x > /a/b/c',
      'chmod 700 /home',
      'touch -r /etc/passwd /tmp/ref && chmod 644 /etc/passwd',
    ].join(' && '),
  )
  assert.deepEqual(await changes(id), [
    'A /a',
    'A /a/b',
    'A /a/b/c',
    'C /bin',
    'D /bin/ls',
    'C /etc',
    'C /etc/group',
    'C /home',
    'C /tmp',
    'A /tmp/new',
    'A /tmp/ref',
  ])
  await remove(daemon, id)
})

test('a directory that was made anew hides what was in it', async () => {
  const id = await ran(
    'cp /bin/busybox /tmp/busybox && /tmp/busybox rm -r /bin && /tmp/busybox mkdir /bin && echo x > /bin/sh',
  )
  const found = (await changes(id)) ?? []
  assert.ok(found.includes('D /bin/ls'), found.join())
  assert.ok(found.includes('C /bin/sh'), found.join())
  assert.ok(found.includes('C /bin'), found.join())
  await remove(daemon, id)
})

test('what lies in a volume is no change', async () => {
  const id = await ran('echo x > /tmp/inside', { Binds: ['changesvol:/tmp'] })
  assert.equal(await changes(id), null)
  await remove(daemon, id)
})

test('a running container has changes, too', async () => {
  const id = await daemon.run({ Cmd: ['sh', '-c', 'echo x > /tmp/x; sleep 1000'] })
  while ((await changes(id)) === null);
  assert.deepEqual(await changes(id), ['C /tmp', 'A /tmp/x'])
  await remove(daemon, id)
})

test('export: the root file system, without volumes and kernel file systems', async () => {
  for (const script of ['echo x > /root/file', 'echo x > /root/file; sleep 1000']) {
    const id = await daemon.run({
      Cmd: ['sh', '-c', script],
      HostConfig: { NetworkMode: 'none', Binds: ['exportvol:/vol'] },
    })
    if (!script.includes('sleep')) await daemon.wait(id)
    await put(daemon, id, '/vol', makeTar({ name: 'secret', content: 'x' }))
    await put(daemon, id, '/tmp', makeTar({ name: 'dev', type: '3', dev: [1, 3] }))
    const until = Date.now() + 10_000 * patience
    let entries = await entriesOf(await download(daemon, `/containers/${id}/export`))
    while (!entries.some(({ name }) => name === 'root/file') && Date.now() < until)
      entries = await entriesOf(await download(daemon, `/containers/${id}/export`))
    const byName = new Map(entries.map((entry) => [entry.name, entry]))
    assert.equal(byName.get('root/file')?.content.toString(), 'x\n')
    assert.equal(byName.get('tmp/dev')?.type, 'character-device')
    assert.equal(byName.get('tmp/')?.mode, 0o1777)
    assert.equal(byName.get('bin/sh')?.linkname, 'busybox')
    assert.ok(!byName.has('vol/secret'))
    assert.ok(![...byName.keys()].some((name) => name.startsWith('/') || /^proc\/./.test(name)))
    await remove(daemon, id)
  }
})

test('export: events, and containers that are not there', async () => {
  const id = await ran('true')
  const since = Date.now() / 1000
  await download(daemon, `/containers/${id}/export`)
  const answer = await daemon.api.stream(
    'GET',
    `/events?since=${since}&until=${Date.now() / 1000 + 10}&filters={"event":["export"]}`,
  )
  for await (const part of answer) {
    assert.match(String(part), /"Action":"export"/)
    break
  }
  const missing = await daemon.api.get<{ message: string }>('/containers/nobody/export')
  assert.equal(missing.status, 404)
  assert.equal(missing.body.message, 'No such container: nobody')
  await remove(daemon, id)
})

test('a tree as deep as a path can be is walked', async () => {
  const depth = 1900
  const id = await ran(`i=0; while [ $i -lt ${depth} ]; do mkdir d; cd d; i=$((i+1)); done`)
  const told = await changes(id)
  assert.equal(told?.length, depth)
  assert.equal(told?.at(-1), `A ${'/d'.repeat(depth)}`)
  assert.equal((await get(daemon, id, '/d')).length, depth)
  await remove(daemon, id)
})
