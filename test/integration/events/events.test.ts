/** Events as clients read them: what verbs tell, history, filters, forms, and the stock CLI. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { EventMessage } from '@tdocker/api'
import { patience } from '../../lib/patience.ts'
import { hasProgram, TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
/** Nanoseconds when the daemon had started. */
let begin: string

before(async () => {
  daemon = await TestDaemon.start()
  begin = seconds()
})
after(() => daemon[Symbol.asyncDispose]())

/** Now, as clients send it. */
function seconds(shiftMs = 0): string {
  const now = Date.now() + shiftMs
  return `${Math.floor(now / 1000)}.${String(now % 1000).padStart(3, '0')}000000`
}

/** Whatever happened in this millisecond is past. */
const justAfter = (): string => seconds(1)

async function past(
  o: { since?: string; until?: string; filters?: object; version?: string } = {},
): Promise<EventMessage[]> {
  const end = o.until ?? justAfter()
  const query = new URLSearchParams({ since: o.since ?? begin, until: end })
  if (o.filters) query.set('filters', JSON.stringify(o.filters))
  const { text, status } = await daemon.api.get(`${o.version ?? ''}/events?${query}`)
  assert.equal(status, 200, text)
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as EventMessage)
}

const names = (events: EventMessage[]): string[] =>
  events.map(({ Type, Action }) => `${Type} ${Action}`)

test('a life of a container, with its network and volume', async () => {
  const since = seconds()
  const created = await daemon.api.post<{ Id: string }>('/containers/create?name=life', {
    Image: 'busybox',
    Cmd: ['sh', '-c', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'],
    Labels: { role: 'db' },
    HostConfig: { Binds: ['data:/v:ro'] },
  })
  const id = created.body.Id
  await daemon.api.post(`/containers/${id}/start`)
  await until('the trap', async () => (await daemon.logs(id)).includes('ready'))
  await daemon.api.post(`/containers/${id}/rename?name=lived`)
  await daemon.api.post(`/containers/${id}/stop?t=20`)
  await daemon.api.delete(`/containers/${id}`)
  const events = await past({ since })
  assert.deepEqual(names(events), [
    'volume create',
    'container create',
    'network connect',
    'volume mount',
    'container start',
    'container rename',
    'container kill',
    'network disconnect',
    'volume unmount',
    'container die',
    'container stop',
    'container destroy',
  ])
  const attributes = (name: string) => events[names(events).indexOf(name)]!.Actor.Attributes
  assert.deepEqual(attributes('container create'), { image: 'busybox', name: 'life', role: 'db' })
  assert.deepEqual(attributes('volume create'), { driver: 'local' })
  assert.deepEqual(attributes('volume mount'), {
    driver: 'local',
    container: id,
    destination: '/v',
    'read/write': 'false',
    propagation: '',
  })
  assert.deepEqual(attributes('volume unmount'), { driver: 'local', container: id })
  assert.deepEqual(attributes('network connect'), {
    container: id,
    name: 'bridge',
    type: 'bridge',
  })
  assert.equal(attributes('container rename')['oldName'], '/life')
  assert.equal(attributes('container kill')['signal'], '15')
  const { execDuration, ...die } = attributes('container die')
  assert.deepEqual(die, { exitCode: '3', image: 'busybox', name: 'lived', role: 'db' })
  assert.match(execDuration ?? '', /^\d+$/)
  const mount = events.find(({ Action }) => Action === 'mount')!
  assert.deepEqual([mount.Actor.ID, mount.scope], ['data', 'local'])
  await daemon.api.delete('/volumes/data')
})

test('filters choose', async () => {
  const since = seconds()
  const id = await daemon.run(
    { Cmd: ['sleep', '1000'], Labels: { a: 'b' }, HostConfig: { NetworkMode: 'none' } },
    'chosen',
  )
  const { body } = await daemon.api.post<{ Id: string }>(`/containers/${id}/exec`, {
    Cmd: ['echo', 'x'],
  })
  await daemon.api.post(`/exec/${body.Id}/start`, { Detach: true })
  const end = Date.now() + 20_000
  while (!names(await past({ since })).includes('container exec_die')) {
    assert.ok(Date.now() < end, 'no exec_die')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const chosen = async (filters: object) => names(await past({ since, filters }))
  assert.deepEqual(await chosen({ type: ['network'] }), ['network connect'])
  assert.deepEqual(await chosen({ container: ['chosen'], event: ['start', 'create'] }), [
    'container create',
    'container start',
  ])
  assert.deepEqual(await chosen({ container: [id.slice(0, 12)], event: ['create'] }), [
    'container create',
  ])
  assert.deepEqual(await chosen({ event: ['exec_create'] }), ['container exec_create: echo x'])
  assert.deepEqual(await chosen({ event: ['exec_die'], label: ['a=b'] }), ['container exec_die'])
  assert.deepEqual(await chosen({ image: ['busybox'], event: ['start'] }), ['container start'])
  assert.deepEqual(await chosen({ label: ['a=c'] }), [])
  assert.deepEqual(await chosen({ scope: ['swarm'] }), [])
  const died = (await past({ since, filters: { event: ['exec_die'] } }))[0]!
  assert.deepEqual(died.Actor.Attributes, {
    a: 'b',
    execID: body.Id,
    exitCode: '0',
    image: 'busybox',
    name: 'chosen',
  })
  await daemon.api.delete(`/containers/${id}?force=1`)
})

test('images and prunes are told of', async () => {
  const since = seconds()
  await daemon.api.post('/images/busybox/tag?repo=other&tag=1')
  await daemon.api.delete('/images/other:1')
  for (const noun of ['containers', 'images', 'volumes', 'networks', 'build'])
    assert.equal(
      (await daemon.api.post(`/${noun}/prune`)).status < 300 || noun === 'containers',
      true,
    )
  const events = await past({ since })
  assert.deepEqual(
    names(events).filter((name) => name !== 'container prune'),
    ['image tag', 'image untag', 'image prune', 'volume prune', 'network prune', 'builder prune'],
  )
  const [tag, untag] = events
  assert.equal(tag?.Actor.Attributes['name'], 'other:1')
  assert.equal(untag?.Actor.Attributes['name'], untag?.Actor.ID)
  const pruned = events.find(({ Type }) => Type === 'volume')!
  assert.deepEqual(pruned.Actor, { ID: '', Attributes: { reclaimed: '0' } })
})

test('each version gets its form and content type', async () => {
  const events = await past({ filters: { event: ['create'], type: ['container'] } })
  assert.ok(events.every((event) => !('status' in event) && !('from' in event)))
  const old = await past({
    version: '/v1.51',
    filters: { event: ['create'], type: ['container'] },
  })
  assert.deepEqual([old[0]!.status, old[0]!.from], ['create', 'busybox'])
  assert.equal(old[0]!.id, old[0]!.Actor.ID)
  const type = async (path: string, headers = {}) =>
    (await daemon.api.request('GET', `${path}/events?until=1`, undefined, headers)).headers[
      'content-type'
    ]
  assert.equal(await type(''), 'application/jsonl')
  assert.equal(await type('/v1.51'), 'application/json')
  assert.equal(await type('', { Accept: 'application/x-ndjson' }), 'application/x-ndjson')
  const sequence = await daemon.api.request('GET', `/events?until=${justAfter()}`, undefined, {
    Accept: 'application/json-seq',
  })
  assert.ok(sequence.text.startsWith('\x1e{'))
  // Exact to the nanosecond, which a double is not.
  assert.match(sequence.text, /"timeNano":\d{19}\D/)
})

test('bad bounds and filters are refused', async () => {
  for (const [query, sentence] of [
    ['since=x', /^invalid value for 'since': /],
    ['since=5&until=4', /^`since` time \(5\) cannot be after `until` time \(4\)$/],
    ['filters=x', /^invalid filter$/],
  ] as const) {
    const answer = await daemon.api.get<{ message: string }>(`/events?${query}`)
    assert.equal(answer.status, 400)
    assert.match(answer.body.message, sentence)
  }
})

test('a cursor goes on after the daemon came back, and live follows the past', async () => {
  const since = seconds()
  await daemon.api.post('/volumes/create', { Name: 'before' })
  await daemon.crash()
  await daemon.boot()
  const response = await daemon.api.stream(
    'GET',
    `/events?since=${since}&filters=${encodeURIComponent('{"type":["volume"]}')}`,
  )
  assert.equal(response.statusCode, 200)
  const info = await daemon.api.get<{ NEventsListener: number }>('/info')
  assert.equal(info.body.NEventsListener, 1)
  await daemon.api.post('/volumes/create', { Name: 'after' })
  let text = ''
  for await (const part of response) {
    text += String(part)
    if (text.split('\n').length > 2) break
  }
  const told = text.trim().split('\n')
  assert.deepEqual(
    told.map((line) => (JSON.parse(line) as EventMessage).Actor.ID),
    ['before', 'after'],
  )
  const end = Date.now() + 10_000 * patience
  for (;;) {
    const { body } = await daemon.api.get<{ NEventsListener: number }>('/info')
    if (body.NEventsListener === 0) break
    assert.ok(Date.now() < end, 'the listener is still counted')
  }
  for (const name of ['before', 'after']) await daemon.api.delete(`/volumes/${name}`)
})

test('a client that does not read costs nothing and loses nothing', async () => {
  const since = seconds()
  const response = await daemon.api.stream('GET', `/events?since=${since}`)
  response.pause()
  const padding = 'x'.repeat(2000)
  const count = 1500
  for (let i = 0; i < count; i += 50)
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        daemon.api.post('/images/busybox/tag?repo=many&tag=' + `t${i + n}-${padding.slice(0, 60)}`),
      ),
    )
  let seen = 0
  let text = ''
  for await (const part of response) {
    text += String(part)
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      const { Action, Actor } = JSON.parse(line) as EventMessage
      assert.notEqual(Action, 'lost')
      if (Action === 'tag' && Actor.Attributes['name']?.startsWith('many:')) seen++
    }
    if (seen >= count) break
  }
  assert.equal(seen, count)
})

test('the stock CLI reads events', { skip: !hasProgram('docker') && 'no docker' }, async () => {
  const since = seconds()
  await daemon.api.post('/volumes/create', { Name: 'cli' })
  await daemon.api.delete('/volumes/cli')
  const done = await daemon.docker(
    'events',
    ...['--since', since, '--until', justAfter()],
    ...['--filter', 'type=volume', '--format', '{{.Type}} {{.Action}} {{.Actor.ID}}'],
  )
  assert.deepEqual(
    [done.status, done.stdout, done.stderr],
    [0, 'volume create cli\nvolume destroy cli\n', ''],
  )
  const plain = await daemon.docker('events', '--since', since, '--until', justAfter())
  assert.match(plain.stdout, /^\S+ volume create cli \(driver=local\)\n/)
})
