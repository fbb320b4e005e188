import './private-netns.ts'
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { isKind } from '@tdocker/engine/base/errors.ts'
import { StoreError } from '@tdocker/engine/store/store.ts'
import { lanClient, LAN_HOST, native, nft, Rig, type Container } from './fixture.ts'
import { assertClosed, assertOpen, host, type Namespace } from './namespace.ts'

const PREFIX =
  /^failed to set up container networking: driver failed programming external connectivity on endpoint (\w+) \([0-9a-f]{64}\): /

let rig: Rig
let lan: Namespace

before(async () => {
  rig = await Rig.start()
  lan = await lanClient()
})

after(async () => {
  await lan.close()
  await rig[Symbol.asyncDispose]()
})

function publish(hostPort: string, containerPort = '80/tcp', hostIp = '') {
  return { portBindings: { [containerPort]: [{ HostIp: hostIp, HostPort: hostPort }] } }
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('it worked'),
    (e: unknown) => e,
  )
  assert.ok(isKind(error, 'system'), String(error))
  const { message } = error as Error
  assert.match(message, PREFIX)
  return message.replace(PREFIX, '')
}

/** Rows, links and elements, to see that a failed start leaves nothing. */
async function holdings(): Promise<unknown> {
  await rig.networks.settle()
  return {
    endpoints: rig.store.all('SELECT id FROM endpoint'),
    ports: rig.store.all('SELECT * FROM port'),
    links: (await native.linkList({})).map((link) => link.name),
    table: nft('list', 'table', 'inet', 'tdnet'),
  }
}

test('a port of another container is refused in words that clients know', async () => {
  const first = await rig.run('first', publish('8080'))
  const before = await holdings()
  for (const [address, shown] of [
    ['', '0.0.0.0'],
    ['127.0.0.1', '127.0.0.1'],
  ] as const) {
    assert.equal(
      await failureOf(rig.run('second', publish('8080', '80/tcp', address))),
      `Bind for ${shown}:8080 failed: port is already allocated (container first)`,
    )
  }
  assert.deepEqual(await holdings(), before)
  await rig.stop(first)
  const again = await rig.run('again', publish('8080'))
  await rig.stop(again)
})

test("a host program's port is refused, and the other way round", async () => {
  const server = createServer().listen(8090, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const before = await holdings()
  const comm = readFileSync('/proc/self/comm', 'utf8').trim()
  assert.equal(
    await failureOf(rig.run('web', publish('8090'))),
    `failed to bind host port 0.0.0.0:8090/tcp: address already in use (${comm}, pid ${process.pid})`,
  )
  assert.deepEqual(await holdings(), before)
  await new Promise((resolve) => server.close(resolve))

  const web = await rig.run('web', publish('8090'))
  const refused = await new Promise<NodeJS.ErrnoException>((resolve) =>
    createServer().once('error', resolve).listen(8090),
  )
  assert.equal(refused.code, 'EADDRINUSE')
  await rig.stop(web)
})

test('an address that is not the host’s', async () => {
  assert.equal(
    await failureOf(rig.run('web', publish('8080', '80/tcp', '203.0.113.7'))),
    'failed to bind host port 203.0.113.7:8080/tcp: cannot assign requested address',
  )
})

test('a start whose rows cannot be written leaves nothing', async (t) => {
  const before = await holdings()
  // Rows of a start go through the event log; its undo may write again.
  t.mock.method(rig.store, 'write', () => Promise.reject(new StoreError('SQLITE_FULL', 'full')))
  await assert.rejects(rig.run('web', publish('8089')), /full/)
  t.mock.restoreAll()
  assert.deepEqual(await holdings(), before)
  await rig.stop(await rig.run('web', publish('8089')))
})

test('a range gives each container the next free port, then ends', async () => {
  const range = publish('8100-8101')
  const first = await rig.run('r1', range)
  const second = await rig.run('r2', range)
  const bindings = ['0.0.0.0', '::'].map((HostIp) => ({ HostIp, HostPort: '8100' }))
  assert.deepEqual(first.sandbox.ports, { '80/tcp': bindings })
  assert.equal(second.hostPort('80/tcp'), 8101)
  assert.equal(await failureOf(rig.run('r3', range)), 'all ports are allocated')
  await rig.stop(first)
  await rig.stop(second)
})

test('publish all gives ephemeral ports to what is exposed, and leaves fixed ones alone', async () => {
  const web = await rig.run('all', {
    exposed: ['80/tcp', '53/udp'],
    publishAll: true,
    ...publish('8085'),
  })
  await web.serve('udp', 53)
  assert.equal(web.hostPort('80/tcp'), 8085)
  const [low, high] = [32768, 60999]
  const port = web.hostPort('53/udp')
  assert.ok(port >= low && port <= high, String(port))
  await assertOpen(lan, { protocol: 'udp', address: LAN_HOST, port }, 'all')
  await rig.stop(web)
})

test('what is exposed only is shown with null', async () => {
  const web = await rig.run('exposed', { exposed: ['80/tcp'] })
  assert.deepEqual(web.sandbox.ports, { '80/tcp': null })
  await rig.stop(web)
})

test('a port moves to the next container at once', async () => {
  let web: Container | undefined
  for (const name of ['a', 'b', 'c']) {
    if (web !== undefined) await rig.stop(web)
    web = await rig.run(name, publish('8086'))
    await web.serve('tcp', 80)
    await assertOpen(lan, { address: LAN_HOST, port: 8086 }, name)
  }
  if (web !== undefined) await rig.stop(web)
  await rig.networks.settle()
  await assertClosed(host, { address: '127.0.0.1', port: 8086 })
  assert.doesNotMatch(nft('list', 'table', 'inet', 'tdnet'), /8086/)
})

test('a UDP flow follows its port to the next container', async () => {
  const client = createSocket('udp4').bind(40123, LAN_HOST)
  const heard: string[] = []
  client.on('message', (message) => heard.push(String(message).split(' ')[0] ?? ''))
  const ping = setInterval(() => client.send('ping', 5354, LAN_HOST), 20)
  // Before the port is published: a flow that the rules have never seen.
  await new Promise((resolve) => setTimeout(resolve, 60))
  for (const name of ['u1', 'u2']) {
    const container = await rig.run(name, publish('5354', '53/udp'))
    await container.serve('udp', 53)
    await waitFor(() => heard.includes(name), `${name} heard of ${heard.join(' ')}`)
    await rig.stop(container)
  }
  clearInterval(ping)
  client.close()
})

test('two host addresses of one ephemeral binding share the port', async () => {
  const both = await rig.run('both', {
    portBindings: {
      '80/tcp': [
        { HostIp: '127.0.0.1', HostPort: '' },
        { HostIp: LAN_HOST, HostPort: '' },
      ],
    },
  })
  const ports = both.sandbox.ports['80/tcp']?.map(({ HostPort }) => HostPort)
  assert.equal(ports?.length, 2)
  assert.equal(ports?.[0], ports?.[1])
  await rig.stop(both)
})

test('the table comes back when another program flushes the rule set', async () => {
  const first = await rig.run('flushed', publish('8087'))
  await first.serve('tcp', 80)
  nft('flush', 'ruleset')
  const second = await rig.run('later', publish('8088'))
  await second.serve('tcp', 80)
  await assertOpen(lan, { address: LAN_HOST, port: 8087 }, 'flushed')
  await assertOpen(lan, { address: LAN_HOST, port: 8088 }, 'later')
  await assertClosed(lan, { address: second.address, port: 80 })
  await rig.stop(first)
  await rig.stop(second)
})

async function waitFor(condition: () => boolean, what: string): Promise<void> {
  const limit = Date.now() + 5000
  while (!condition()) {
    if (Date.now() > limit) assert.fail(what)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
