import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KernelError } from '@tdocker/kernel'
import { HostPorts, parseEphemeralRange } from './host-ports.ts'
import { portRequests } from './port-request.ts'

/** Ports of "host programs", and the descriptors given out. */
class FakeSockets {
  readonly foreign = new Map<string, string>()
  readonly open = new Set<number>()
  #next = 100

  bindPort(o: { protocol: string; address: string; port: number }): number {
    const code = this.foreign.get(`${o.port}/${o.protocol}`)
    if (code !== undefined) throw new KernelError(code, 1, 'bind')
    this.open.add(this.#next)
    return this.#next++
  }

  closeFd(fd: number): void {
    assert.ok(this.open.delete(fd), `descriptor ${fd} closed twice`)
  }
}

function setUp() {
  const sockets = new FakeSockets()
  const ports = new HostPorts(
    sockets,
    () => ({
      first: 50000,
      last: 50003,
      reserved: new Set([50001]),
    }),
    () => '/web',
  )
  const reserve = async (bindings: Record<string, Array<{ HostIp?: string; HostPort?: string }>>) =>
    (
      await ports.reserve(
        portRequests({ exposed: [], portBindings: bindings, publishAll: false }).map((port) => ({
          ...port,
          hostAddress: port.hostAddress || '0.0.0.0',
          containerAddress: '172.17.0.2',
        })),
        'first',
      )
    ).map((port) => `${port.hostAddress}:${port.hostPort}→${port.containerPort}/${port.protocol}`)
  return { sockets, ports, reserve }
}

test('a wildcard address clashes with every other, and they with it', async () => {
  const { reserve } = setUp()
  await reserve({ '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '80' }] })
  await reserve({ '80/tcp': [{ HostIp: '10.0.0.1', HostPort: '80' }] })
  await reserve({ '80/udp': [{ HostPort: '80' }] })
  await assert.rejects(
    reserve({ '80/tcp': [{ HostPort: '80' }] }),
    /^EngineError: Bind for 0\.0\.0\.0:80 failed: port is already allocated \(container web\)$/,
  )
  await assert.rejects(
    reserve({ '81/udp': [{ HostIp: '127.0.0.1', HostPort: '80' }] }),
    /Bind for 127\.0\.0\.1:80 failed/,
  )
})

test('all or nothing', async () => {
  const { sockets, reserve } = setUp()
  sockets.foreign.set('81/tcp', 'EADDRINUSE')
  await assert.rejects(
    reserve({ '80/tcp': [{ HostPort: '80' }], '81/tcp': [{ HostPort: '81' }] }),
    /^EngineError: failed to bind host port 0\.0\.0\.0:81\/tcp: address already in use$/,
  )
  assert.equal(sockets.open.size, 0)
  sockets.foreign.clear()
  assert.equal((await reserve({ '80/tcp': [{ HostPort: '80' }] })).length, 1)
})

test('ephemeral ports: after the last one, around reserved and foreign ones', async () => {
  const { sockets, ports, reserve } = setUp()
  const any = { '80/tcp': [{ HostPort: '' }] }
  assert.deepEqual(await reserve(any), ['0.0.0.0:50000→80/tcp'])
  ports.release({ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 50000 })
  sockets.foreign.set('50002/tcp', 'EADDRINUSE')
  assert.deepEqual(await reserve(any), ['0.0.0.0:50003→80/tcp'])
  assert.deepEqual(await reserve(any), ['0.0.0.0:50000→80/tcp'])
  await assert.rejects(reserve(any), /all ports are allocated/)
})

test('a range skips what is taken, here or by a program', async () => {
  const { sockets, reserve } = setUp()
  sockets.foreign.set('8001/tcp', 'EADDRINUSE')
  const range = { '80/tcp': [{ HostPort: '8000-8002' }] }
  assert.deepEqual(await reserve(range), ['0.0.0.0:8000→80/tcp'])
  assert.deepEqual(await reserve(range), ['0.0.0.0:8002→80/tcp'])
})

test('addresses of one binding share the port; equal bindings do not', async () => {
  const { reserve } = setUp()
  const shared = await reserve({
    '80/tcp': [{ HostIp: '127.0.0.1' }, { HostIp: '10.0.0.1' }],
  })
  assert.deepEqual(shared, ['10.0.0.1:50000→80/tcp', '127.0.0.1:50000→80/tcp'])
  const twice = await reserve({ '81/tcp': [{ HostPort: '' }, { HostPort: '' }] })
  assert.equal(new Set(twice).size, 2)
})

test('a port that was just released is waited for: its holder is dying', async () => {
  const { sockets, ports, reserve } = setUp()
  const fixed = { '80/tcp': [{ HostPort: '80' }] }
  await reserve(fixed)
  ports.release({ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 80 })
  sockets.foreign.set('80/tcp', 'EADDRINUSE')
  setTimeout(() => sockets.foreign.clear(), 20)
  assert.deepEqual(await reserve(fixed), ['0.0.0.0:80→80/tcp'])
})

test('an adopted port is taken', async () => {
  const { ports, reserve } = setUp()
  ports.adopt({ protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 80, containerId: 'other' })
  await assert.rejects(reserve({ '80/tcp': [{ HostPort: '80' }] }), /already allocated/)
})

test('the kernel’s range', () => {
  const range = parseEphemeralRange('32768\t60999\n', '40000-40002,50000\n')
  assert.equal(range.first, 32768)
  assert.equal(range.last, 60999)
  assert.deepEqual([...range.reserved], [40000, 40001, 40002, 50000])
})
