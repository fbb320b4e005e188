/** Builds that end early, many at once, clients of several kinds; what the cache tells and gives up. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TestDaemon, hasProgram, until } from '../../lib/test-daemon.ts'
import { build, built, cachedSteps, contextOf, outputOf } from './build-rig.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

async function containers(): Promise<number> {
  return (await daemon.api.get<unknown[]>('/containers/json?all=1')).body.length
}

async function unfinished(Dockerfile: string): Promise<http.ClientRequest> {
  const body = await contextOf({ Dockerfile })
  const request = http.request({
    socketPath: daemon.socket,
    method: 'POST',
    path: '/build',
    headers: { 'Content-Type': 'application/x-tar', 'Content-Length': body.length },
  })
  request.on('error', () => {})
  request.on('response', (response) => response.on('error', () => {}).resume())
  request.end(body)
  return request
}

test('a client that goes away takes its build along', async () => {
  const request = await unfinished('FROM busybox\nRUN sleep 1000\n')
  await until('the step', async () => (await containers()) === 1)
  request.destroy()
  await until('its end', async () => (await containers()) === 0)
})

test('ten builds at once share one cache', async () => {
  const files = {
    Dockerfile: 'FROM busybox\nRUN sleep 1; cat /proc/sys/kernel/random/uuid > /id\nRUN true\n',
  }
  const all = await Promise.all(Array.from({ length: 10 }, () => built(daemon, files)))
  assert.equal(new Set(all.map(({ id }) => id)).size, 1)
  assert.equal(all.filter((made) => cachedSteps(made) === 2).length, 9)
})

test('stages that do not wait for each other run side by side, and speak in order', async () => {
  const made = await built(daemon, {
    Dockerfile: [
      'FROM busybox AS a',
      'RUN echo a; cut -d" " -f1 /proc/uptime > /begun; sleep 2; cut -d" " -f1 /proc/uptime > /ended',
      'FROM busybox AS b',
      'RUN echo b; cut -d" " -f1 /proc/uptime > /begun; sleep 2; cut -d" " -f1 /proc/uptime > /ended',
      'FROM busybox',
      'COPY --from=a /begun /ended /a/',
      'COPY --from=b /begun /ended /b/',
    ].join('\n'),
  })
  const [a = 0, b = 0, aEnded = 0, bEnded = 0] = (
    await outputOf(daemon, made.id, 'cat /a/begun /b/begun /a/ended /b/ended')
  )
    .split('\n')
    .map(Number)
  assert.ok(a < bEnded && b < aEnded, 'one began before the other ended')
  const steps = [...made.text.matchAll(/^Step (\d)/gm)].map(([, step]) => Number(step))
  assert.deepEqual(steps, [1, 2, 3, 4, 5, 6, 7])
})

test('kill -9 in a step leaves no garbage, and the next build goes on behind the last one', async () => {
  const Dockerfile = 'FROM busybox\nRUN echo crash > /first\nRUN test -e /go || sleep 1000\n'
  const request = await unfinished(Dockerfile)
  await until('the second step', async () => {
    const { body } =
      await daemon.api.get<Array<{ Command: string; State: string }>>('/containers/json')
    return body.some(({ Command }) => Command.includes('sleep 1000'))
  })
  await daemon.crash()
  request.destroy()
  await daemon.boot()
  await until('the container to go', async () => (await containers()) === 0)
  const { body } = await daemon.api.post<{ Findings: unknown[] }>('/fsck')
  assert.deepEqual(body.Findings ?? [], [])
  const next = await built(daemon, { Dockerfile: Dockerfile.replace('sleep 1000', 'true') })
  assert.equal(cachedSteps(next), 1)
})

test('mounts of RUN: caches stay, binds show, memory does not reach the image', async () => {
  const files = (name: string) => ({
    Dockerfile: [
      'FROM busybox AS other',
      'RUN echo other > /file',
      'FROM busybox',
      'RUN --mount=type=cache,target=/cache,id=../../../x,sharing=locked echo x >> /cache/n; wc -l < /cache/n > /count',
      'RUN --mount=type=bind,target=/ctx --mount=from=other,source=/file,target=/o cat /ctx/in /o > /seen',
      'RUN --mount=type=tmpfs,target=/scratch touch /scratch/x && mount | grep -c /scratch > /tmpfs',
      'RUN --network=none ls /sys/class/net | wc -l > /links',
      `RUN <<EOF\necho ${name} > /heredoc\nEOF`,
    ].join('\n'),
    in: 'context\n',
  })
  const first = await built(daemon, files('one'))
  assert.equal(
    await outputOf(
      daemon,
      first.id,
      'cat /count /seen /tmpfs /links /heredoc; ls -d /cache /ctx /o /scratch 2>&1 | wc -l',
    ),
    '1\ncontext\nother\n1\n1\none\n4\n',
  )
  const again = await built(daemon, files('one'), { nocache: '1' })
  assert.equal(await outputOf(daemon, again.id, 'cat /count'), '2\n')
  const { body } = await daemon.api.post<{ Findings: unknown[] }>('/fsck')
  assert.deepEqual(body.Findings ?? [], [])
  const refused = await build(daemon, {
    Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=s,required=true true\n',
  })
  assert.match(refused.error, /secret s: not found/)
})

test('the cache is told by df, and given up by prune; named images stay whole', async () => {
  await built(daemon, { Dockerfile: 'FROM busybox\nRUN echo kept > /kept\n' }, { t: 'kept' })
  const { body } = await daemon.api.get<{
    BuildCache: Array<{ Description: string; Shared: boolean }>
  }>('/v1.51/system/df?type=build-cache')
  assert.ok(
    body.BuildCache.some(({ Description, Shared }) => Shared && Description.includes('kept')),
  )
  const some = await daemon.api.post<{ CachesDeleted: string[] }>('/build/prune')
  assert.ok(some.body.CachesDeleted.length > 0)
  const all = await daemon.api.post<{ CachesDeleted: string[] }>('/build/prune?all=1')
  assert.ok(all.body.CachesDeleted.length > 0)
  assert.equal(await outputOf(daemon, 'kept', 'cat /kept'), 'kept\n')
  const empty = await daemon.api.get<{ BuildCache: unknown[] }>('/v1.51/system/df?type=build-cache')
  assert.deepEqual(empty.body.BuildCache ?? [], [])
  assert.equal(
    cachedSteps(await built(daemon, { Dockerfile: 'FROM busybox\nRUN echo kept > /kept\n' })),
    0,
  )
})

test('the stock client builds', { skip: !hasProgram('docker') }, async () => {
  const directory = join(daemon.directory, 'ctx')
  mkdirSync(directory)
  writeFileSync(
    join(directory, 'Dockerfile'),
    'FROM busybox\nARG X\nCOPY . /ctx\nRUN echo $X > /x\n',
  )
  writeFileSync(join(directory, '.dockerignore'), 'ignored\n')
  writeFileSync(join(directory, 'ignored'), '')
  const made = await daemon.command('env', [
    'DOCKER_BUILDKIT=0',
    ...['docker', 'build', '-t', 'stock', '--build-arg', 'X=y', directory],
  ])
  assert.equal(made.status, 0, made.stderr)
  assert.match(made.stdout, /Successfully tagged stock:latest/)
  assert.equal(
    await outputOf(daemon, 'stock', 'cat /x; test -e /ctx/ignored || echo no'),
    'y\nno\n',
  )
  const failed = await daemon.command(
    'env',
    ['DOCKER_BUILDKIT=0', 'docker', 'build', '-q', '-'],
    'FROM busybox\nRUN exit 3\n',
  )
  assert.equal(failed.status, 3)
})

test('an image whose history fits is no result of a step', async () => {
  const Dockerfile = 'FROM busybox\nRUN echo honest > /who\n'
  const honest = await built(daemon, { Dockerfile }, { t: 'honest' })
  const id = await daemon.run({ Entrypoint: ['sh', '-c', 'echo poisoned > /who'] })
  await daemon.wait(id)
  const changes = 'CMD ["sh"]'
  await daemon.api.post(
    `/commit?container=${id}&repo=poison&changes=${encodeURIComponent(changes)}`,
    {
      Cmd: ['/bin/sh', '-c', 'echo honest > /who'],
    },
  )
  await daemon.api.delete('/images/honest')
  await daemon.api.post('/build/prune?all=1')
  const again = await built(daemon, { Dockerfile })
  assert.notEqual(again.id, honest.id)
  assert.equal(cachedSteps(again), 0)
  assert.equal(await outputOf(daemon, again.id, 'cat /who'), 'honest\n')
})

test('version 2 without a session is version 1', async () => {
  const made = await built(daemon, { Dockerfile: 'FROM busybox\nRUN true\n' }, { version: '2' })
  assert.match(made.text, /^Step 1\/2 : FROM busybox\n/)
})
