/** `docker system prune` by the stock CLI: everything that nothing uses, and nothing else. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { hasProgram, TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon

before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

const skip = !hasProgram('docker') && 'no docker'

test('system prune -af --volumes takes what is not used', { skip }, async () => {
  const used = await daemon.run(
    { Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none', Binds: ['used:/v'] } },
    'stays',
  )
  const gone = await daemon.run({
    Cmd: ['sh', '-c', 'head -c 100000 /dev/zero > /f'],
    Volumes: { '/anonymous': {} },
    HostConfig: { NetworkMode: 'none' },
  })
  await daemon.wait(gone)
  await daemon.api.post('/volumes/create', { Name: 'named' })
  await daemon.api.post('/images/busybox/tag?repo=other&tag=1')
  const pruned = await daemon.docker('system', 'prune', '-af', '--volumes')
  assert.deepEqual([pruned.status, pruned.stderr], [0, ''])
  assert.match(pruned.stdout, new RegExp(`^Deleted Containers:\n${gone}$`, 'm'))
  assert.match(pruned.stdout, /^Deleted Volumes:\n[0-9a-f]{64}$/m)
  assert.match(pruned.stdout, /^Deleted Images:\nuntagged: other:1$/m)
  const reclaimed = /^Total reclaimed space: (\S+)$/m.exec(pruned.stdout)?.[1]
  assert.notEqual(reclaimed, '0B')
  const left = async (...args: string[]) =>
    (await daemon.docker(...args)).stdout
      .trim()
      .split('\n')
      .toSorted((a, b) => a.localeCompare(b))
  assert.deepEqual(await left('ps', '-aq', '--no-trunc'), [used])
  // Named volumes stay, also when nothing uses them.
  assert.deepEqual(await left('volume', 'ls', '-q'), ['named', 'used'])
  assert.deepEqual(await left('images', '--format', '{{.Repository}}'), ['busybox'])

  const again = await daemon.docker('system', 'prune', '-f')
  assert.deepEqual([again.status, again.stdout], [0, 'Total reclaimed space: 0B\n'])
})
