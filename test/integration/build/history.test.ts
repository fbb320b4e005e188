/** The history of builds: what ran, what was cached, how long; never a secret. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type ClientRequest, request } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BuildRecord, BuildSummary } from '@tdocker/api'
import { TestDaemon, until } from '../../lib/test-daemon.ts'
import { build, built, contextOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const list = async (): Promise<BuildSummary[]> =>
  (await daemon.api.get<BuildSummary[]>('/build/history')).body

const inspect = async (id: string): Promise<BuildRecord> =>
  (await daemon.api.get<BuildRecord>(`/build/history/${id}`)).body

/** A build that does not end by itself. */
async function unfinished(name: string): Promise<ClientRequest> {
  const sent = request({ socketPath: daemon.socket, method: 'POST', path: `/build?t=${name}` })
  sent.on('error', () => {})
  sent.on('response', (response) => response.on('error', () => {}).resume())
  sent.end(await contextOf({ Dockerfile: 'FROM busybox\nRUN sleep 1000\n' }))
  return sent
}

test('a build, then the same from the cache, then one that fails', async () => {
  const files = { 'my.file': 'FROM busybox\nCOPY f /f\nRUN cat /f\n', f: 'file' }
  const made = await built(daemon, files, { t: ['app:1', 'app:2'], dockerfile: 'my.file' })
  await built(daemon, files, { t: 'app:1', dockerfile: 'my.file' })
  await build(
    daemon,
    { Dockerfile: 'FROM busybox AS one\nRUN exit 3\nRUN true\n' },
    { target: 'one' },
  )
  const [failed, cached, first] = await list()
  assert.deepEqual(
    [failed, cached, first].map((each) => each && [each.Name, each.Status, each.CachedSteps]),
    [
      ['Dockerfile (one)', 'error', 1],
      ['app:1', 'completed', 3],
      // The base is here.
      ['app:1', 'completed', 1],
    ],
  )
  assert.ok(first!.DurationMs > 0 && first!.CompletedAt !== null)
  assert.equal(first!.ImageId, made.id)
  const whole = await inspect(first!.Id.slice(0, 10))
  assert.deepEqual(whole.Tags, ['app:1', 'app:2'])
  assert.equal(whole.Dockerfile, 'my.file')
  const names = whole.Steps.map(({ Name }) => Name).filter((name) => !name.startsWith('[internal]'))
  assert.match(names.join('\n'), /FROM .*busybox.*\n.*COPY f \/f\n.*RUN cat \/f/)
  const latest = await inspect('latest')
  assert.match(latest.Error, /returned a non-zero code: 3$/)
  assert.deepEqual([latest.TotalSteps, latest.CompletedSteps, latest.ImageId], [3, 1, ''])
  assert.equal(latest.Steps.find(({ Name }) => Name.includes('RUN true'))?.StartedAt, null)
  const none = await daemon.api.get<{ message: string }>('/build/history/none')
  assert.deepEqual([none.status, none.body.message], [404, 'No such build: none'])
})

test('neither values of arguments nor passwords of addresses are kept', async () => {
  await build(
    daemon,
    {
      Dockerfile:
        'FROM busybox\nARG TOKEN\nARG URL\nRUN echo $TOKEN\nCOPY --chown=$TOKEN nothing-$TOKEN /x\nADD $URL /y\n',
    },
    { buildargs: '{"TOKEN":"hunter22","URL":"http://me:hunter33@127.0.0.1:1/f?key=hunter44"}' },
  )
  await build(daemon, Buffer.alloc(0), {
    remote: 'http://me:hunter55@127.0.0.1:1/x.tar?key=hunter66',
  })
  const [remote, args] = await Promise.all((await list()).slice(0, 2).map(({ Id }) => inspect(Id)))
  assert.deepEqual(args!.BuildArgs, ['TOKEN', 'URL'])
  assert.equal(remote!.Context, 'http://127.0.0.1:1/x.tar')
  assert.doesNotMatch(JSON.stringify([remote, args]), /hunter/)
})

test('a build at work is told; one that its client left was canceled', async () => {
  const sent = await unfinished('slow')
  await until('the step', async () => {
    const { Steps } = await inspect('latest')
    return Steps.some(({ Name, StartedAt }) => Name.includes('sleep') && StartedAt !== null)
  })
  const [running] = await list()
  assert.deepEqual(
    [running!.Name, running!.Status, running!.CompletedAt],
    ['slow', 'running', null],
  )
  sent.destroy()
  await until('its end', async () => (await list())[0]!.Status === 'canceled')
  assert.equal((await inspect(running!.Id)).Status, 'canceled')
})

test('a daemon that is killed forgets the build at work, and no other', async () => {
  const ids = (await list()).map(({ Id }) => Id)
  await unfinished('killed')
  await until('the build', async () => (await list())[0]!.Name === 'killed')
  await daemon.crash()
  await daemon.boot()
  assert.deepEqual(
    (await list()).map(({ Id }) => Id),
    ids,
  )
  const { body } = await daemon.api.post<{ Findings: unknown[] }>('/fsck')
  assert.deepEqual(body.Findings ?? [], [])
})

test('only the newest builds are kept', async () => {
  const body = await contextOf({ Dockerfile: 'FROM busybox\nLABEL a=b\n' })
  for (let i = 0; i < 205; i++) await build(daemon, body, { t: `many:${i}` })
  await until('the last row', async () => (await list()).length === 200)
  assert.equal((await list())[0]!.Name, 'many:204')
})

test('daemon.json says how many are kept', async () => {
  await using own = await TestDaemon.start({
    config: { builder: { history: { maxEntries: 2, maxAge: '24h' } } },
  })
  for (const t of ['a', 'b', 'c']) await built(own, { Dockerfile: 'FROM busybox\n' }, { t })
  const names = async (): Promise<string[]> =>
    (await own.api.get<BuildSummary[]>('/build/history')).body.map(({ Name }) => Name)
  await until('the last row', async () => (await names()).length === 2)
  assert.deepEqual(await names(), ['c', 'b'])
})

test('tdocker builder ls, inspect and du', async () => {
  const directory = join(daemon.directory, 'shown')
  mkdirSync(directory)
  writeFileSync(join(directory, 'Dockerfile'), 'FROM busybox\nRUN echo shown > /shown\n')
  assert.equal((await daemon.tdocker('build', '-t', 'shown', directory)).status, 0)
  const ls = await daemon.tdocker('builder', 'ls')
  assert.match(
    ls.stdout,
    /^BUILD ID +NAME +STATUS +STEPS +CACHED +CREATED +DURATION\n[0-9a-f]{12} +shown +completed +2\/2 +\d .* ago +\d/,
  )
  const quiet = await daemon.tdocker('builder', 'ls', '-q', '--no-trunc')
  const [id = ''] = quiet.stdout.split('\n')
  assert.match(id, /^[0-9a-f]{24}$/)
  const shown = await daemon.tdocker('builder', 'inspect')
  assert.match(shown.stdout, new RegExp(`^ID: +${id}\n`))
  assert.match(shown.stdout, /\nStatus: +completed\n/)
  assert.match(
    shown.stdout,
    /\nSTEP +STATUS +DURATION\n(.*\n)*.*RUN echo shown > \/shown +done +\d/,
  )
  const status = await daemon.tdocker('builder', 'inspect', '--format', '{{.Status}} {{.Name}}', id)
  assert.equal(status.stdout, 'completed shown\n')
  const missing = await daemon.tdocker('builder', 'inspect', 'none')
  assert.deepEqual([missing.status, /No such build: none/.test(missing.stderr)], [1, true])
  const du = await daemon.tdocker('builder', 'du')
  assert.match(du.stdout, /^ID +RECLAIMABLE +SIZE +LAST ACCESSED\n/)
  assert.match(du.stdout, /\nReclaimable:\s+\S+\nTotal:\s+\S+\n$/)
  const verbose = await daemon.tdocker('builder', 'du', '--verbose', '--filter', 'type=regular')
  assert.match(verbose.stdout, /^ID:\s+\S+\n/)
  assert.match(verbose.stdout, /\nDescription:\s+\/bin\/sh -c echo shown > \/shown\n/)
  assert.doesNotMatch(verbose.stdout, /Total:/)
  const none = await daemon.tdocker(
    'builder',
    'du',
    '--filter',
    'type=exec.cachemount',
    '--format',
    '{{.ID}}',
  )
  assert.equal(none.stdout, '')
})
