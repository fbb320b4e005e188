/** The library that Java's, Go's and Node's integration tests start their databases with. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, suite, test } from 'node:test'
import { TestDaemon, until } from '../lib/test-daemon.ts'
import { type StartedContainer, skip, testcontainersFor } from './testcontainers.ts'

const site = 'mkdir -p /www; echo page >/www/index.html; exec httpd -f -p 8080 -h /www'
const forever = 'trap "exit 0" TERM; while :; do sleep 0.1; done'

suite('testcontainers', { skip }, () => {
  let daemon: TestDaemon
  let tc: ReturnType<typeof testcontainersFor>
  let files: string
  before(async () => {
    daemon = await TestDaemon.start()
    tc = testcontainersFor(daemon.socket, join(daemon.directory, 'client'))
    files = join(daemon.directory, 'files')
    mkdirSync(join(files, 'sub'), { recursive: true })
    writeFileSync(join(files, 'one'), 'first\n')
    writeFileSync(join(files, 'sub/two'), 'second\n')
  })
  after(() => daemon?.[Symbol.asyncDispose]())

  const busybox = (script: string) =>
    new tc.GenericContainer('busybox').withCommand(['sh', '-c', script])
  const pageOf = async (container: StartedContainer): Promise<string> => {
    const url = `http://${container.getHost()}:${container.getMappedPort(8080)}/`
    return (await fetch(url)).text()
  }

  test('waits for a log line; exec; stop', async () => {
    const script = `sleep 0.2; echo one; echo two >&2; ${forever}`
    const container = await busybox(script)
      .withWaitStrategy(tc.Wait.forLogMessage(/^(one|two)$/m, 2))
      .start()
    const ended = await container.exec(['sh', '-c', 'echo out; echo err >&2; exit 4'])
    assert.deepEqual([ended.stdout, ended.stderr, ended.exitCode], ['out\n', 'err\n', 4])
    assert.match(await text(await stopped(container)), /^(one\ntwo|two\none)\n$/)
  })

  test('waits for ports; again after a restart', async () => {
    const container = await busybox(site)
      .withExposedPorts(8080)
      .withWaitStrategy(tc.Wait.forListeningPorts())
      .start()
    assert.equal(await pageOf(container), 'page\n')
    await container.restart({ timeout: 1_000 })
    assert.equal(await pageOf(container), 'page\n')
    await container.stop()
  })

  test('waits for an answer of HTTP, and for several things at once', async () => {
    const container = await busybox(`echo site; ${site}`)
      .withExposedPorts(8080)
      .withWaitStrategy(
        tc.Wait.forAll([
          tc.Wait.forLogMessage('site'),
          tc.Wait.forListeningPorts(),
          tc.Wait.forHttp('/', 8080)
            .forStatusCode(200)
            .forResponsePredicate((body) => body === 'page\n'),
          tc.Wait.forSuccessfulCommand('test -f /www/index.html'),
        ]),
      )
      .start()
    await container.stop()
  })

  test('waits for a health check', async () => {
    const container = await busybox(`sleep 0.5; touch /tmp/ready; ${forever}`)
      .withHealthCheck({
        ...{ test: ['CMD-SHELL', 'test -f /tmp/ready'] },
        ...{ interval: 100, timeout: 20_000, retries: 1000 },
      })
      .withWaitStrategy(tc.Wait.forHealthCheck())
      .start()
    assert.equal((await container.exec('cat /tmp/ready')).exitCode, 0)
    await container.stop()
  })

  test('waits for an end, good or bad', async () => {
    const once = tc.Wait.forOneShotStartup
    await (await busybox('exit 0').withWaitStrategy(once()).start()).stop()
    await assert.rejects(busybox('exit 1').withWaitStrategy(once()).start(), /failed to start/)
  })

  test('gives up waiting and removes the container', async () => {
    const never = tc.Wait.forLogMessage('never').withStartupTimeout(300)
    await assert.rejects(
      busybox(forever).withLabels({ of: 'never' }).withWaitStrategy(never).start(),
      /not received after 300ms/,
    )
    const filters = encodeURIComponent('{"label":["of=never"]}')
    await until('its removal', async () => {
      const { body } = await daemon.api.get<unknown[]>(`/containers/json?all=1&filters=${filters}`)
      return body.length === 0
    })
  })

  test('configuration reaches the container', async () => {
    let heard = ''
    const container = await new tc.GenericContainer('busybox')
      .withPullPolicy(tc.PullPolicy.defaultPolicy())
      .withName('configured')
      .withEntrypoint(['sh', '-c'])
      .withCommand([`hostname; pwd; id -u; echo $A; ${forever}`])
      .withEnvironment({ A: 'two words' })
      .withLabels({ role: 'any' })
      .withTmpFs({ '/scratch': 'size=1m' })
      .withBindMounts([{ source: files, target: '/bound', mode: 'ro' }])
      .withUlimits({ nofile: { soft: 100, hard: 200 } })
      .withResourcesQuota({ memory: 1 / 16, cpu: 0.5 })
      .withSecurityOpt('no-new-privileges')
      .withAddedCapabilities('NET_ADMIN')
      .withDroppedCapabilities('CHOWN')
      .withSharedMemorySize(4 << 20)
      .withExtraHosts([{ host: 'other', ipAddress: '192.0.2.1' }])
      .withHostname('chosen')
      .withUser('daemon')
      .withWorkingDir('/var')
      .withLogConsumer((stream) => stream.on('data', (line) => (heard += line)))
      .withWaitStrategy(tc.Wait.forLogMessage('two words'))
      .start()
    const script = `cat /bound/one; ulimit -n; ulimit -Hn; df -k /dev/shm | awk 'NR==2{print $2}'
      grep -c 192.0.2.1 /etc/hosts; awk '/NoNewPrivs/{print $2}' /proc/self/status
      awk '$2=="/scratch"{print $3}' /proc/mounts; id -un; pwd; echo $X`
    const options = { user: 'nobody', workingDir: '/tmp', env: { X: 'y' } }
    const { stdout } = await container.exec(['sh', '-c', script], options)
    assert.deepEqual(stdout.trim().split('\n'), [
      'first',
      '100',
      '200',
      '4096',
      '1',
      '1',
      'tmpfs',
      'nobody',
      '/tmp',
      'y',
    ])
    assert.equal(container.getName(), '/configured')
    assert.equal(container.getLabels()['role'], 'any')
    assert.deepEqual(container.getNetworkNames(), ['bridge'])
    assert.match(container.getIpAddress('bridge'), /^\d+\.\d+\.\d+\.\d+$/)
    await until('the followed log', () => heard.includes('two words'))
    assert.equal(heard.replaceAll('\r', ''), 'chosen\n/var\n1\ntwo words\n')
    const { body } = await daemon.api.get<{ HostConfig: Record<string, unknown> }>(
      '/containers/configured/json',
    )
    const { Memory, NanoCpus, CapAdd, CapDrop } = body.HostConfig
    assert.deepEqual(
      { Memory, CapAdd, CapDrop },
      {
        ...{ Memory: 64 << 20, CapAdd: ['NET_ADMIN'], CapDrop: ['CHOWN'] },
      },
    )
    assert.equal(NanoCpus, 500_000_000)
    await container.stop()
  })

  test('copies files, directories, contents and archives', async () => {
    const container = await busybox(`cat /a/one /b; ${forever}`)
      .withCopyFilesToContainer([{ source: join(files, 'one'), target: '/a/one', mode: 0o640 }])
      .withCopyContentToContainer([{ content: 'content\n', target: '/b' }])
      .withCopyDirectoriesToContainer([{ source: files, target: '/made/here' }])
      .withWaitStrategy(tc.Wait.forLogMessage('content'))
      .start()
    await container.copyContentToContainer([{ content: 'later\n', target: '/deep/er/later' }])
    await container.copyFilesToContainer([{ source: join(files, 'one'), target: '/one' }])
    await container.copyDirectoriesToContainer([{ source: files, target: '/again' }])
    const archive = await container.copyArchiveFromContainer('/again')
    await container.copyArchiveToContainer(archive, '/tmp')
    const script =
      'cat /deep/er/later /one /tmp/again/sub/two /made/here/sub/two; stat -c %a /a/one'
    const { output } = await container.exec(['sh', '-c', script])
    assert.equal(output, 'later\nfirst\nsecond\nsecond\n640\n')
    await container.stop()
  })

  test('networks: by name, by alias, with ports outside', async () => {
    const network = await new tc.Network().start()
    const server = await busybox(site)
      .withNetwork(network)
      .withNetworkAliases('site', 'www.site.test')
      .withExposedPorts(8080)
      .withWaitStrategy(tc.Wait.forListeningPorts())
      .start()
    const client = await busybox(forever).withNetwork(network).start()
    assert.equal(await pageOf(server), 'page\n')
    // With aliases it connects a container of the default network.
    assert.deepEqual(server.getNetworkNames(), ['bridge', network.getName()])
    assert.deepEqual(client.getNetworkNames(), [network.getName()])
    for (const name of ['site', 'www.site.test', server.getIpAddress(network.getName())]) {
      const { output } = await client.exec(['wget', '-q', '-O', '-', `http://${name}:8080/`])
      assert.equal(output, 'page\n', name)
    }
    await client.stop()
    await server.stop()
    await network.stop()
    const { status } = await daemon.api.get(`/networks/${network.getId()}`)
    assert.equal(status, 404)
  })

  test('reuses a container, stopped or not', async () => {
    const start = () => busybox(forever).withReuse().start()
    const first = await start()
    assert.equal((await start()).getId(), first.getId())
    await first.stop({ remove: false })
    const third = await start()
    assert.equal(third.getId(), first.getId())
    await third.stop()
  })

  test('an image that is not to be had', async () => {
    await assert.rejects(
      new tc.GenericContainer('127.0.0.1:1/none').start(),
      /dial tcp 127\.0\.0\.1:1: connect: connection refused/,
    )
  })
})

/** Its log to the end, from before its stop on. */
async function stopped(container: StartedContainer): Promise<AsyncIterable<Buffer>> {
  const logs = await container.logs()
  await container.stop()
  return logs
}
