/** Who may reach what: the API's socket, the data root, the host from a container. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type CommandResult, TestDaemon } from '../../lib/test-daemon.ts'

/** A number that no group of the machine has: the flag takes it as it is. */
const GID = 61_234
const OTHER = 61_235

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start({ flags: ['-G', String(GID)] })))
after(() => daemon[Symbol.asyncDispose]())

/** Asks the API for a ping as another user, without privileges. */
function ping(...who: string[]): Promise<CommandResult> {
  const request = `require('net').connect(${JSON.stringify(daemon.socket)})
    .on('error', (e) => { console.log(e.code); process.exit(1) })
    .on('data', (d) => { console.log(String(d).split('\\r\\n')[0]); process.exit(0) })
    .end('GET /_ping HTTP/1.0\\r\\n\\r\\n')`
  return daemon.command('setpriv', [...who, process.execPath, '-e', request])
}

test('the socket is root’s and the group’s, nobody else’s', () => {
  const { mode, uid, gid } = statSync(daemon.socket)
  assert.deepEqual([(mode & 0o7777).toString(8), uid, gid], ['660', 0, GID])
})

test('a member of the group may speak, by first or further group', async () => {
  for (const groups of [
    [`--regid=${GID}`, '--clear-groups'],
    [`--regid=${OTHER}`, `--groups=${GID}`],
  ]) {
    const { status, stdout, stderr } = await ping('--reuid=61234', ...groups)
    assert.deepEqual([status, stdout], [0, 'HTTP/1.1 200 OK\n'], stderr)
  }
})

test('others may not', async () => {
  const { status, stdout } = await ping('--reuid=61234', `--regid=${OTHER}`, '--clear-groups')
  assert.deepEqual([status, stdout], [1, 'EACCES\n'])
})

test('a group that is not there ends the start', async () => {
  const socket = join(daemon.directory, 'second.sock')
  const { status, stderr, stdout } = await daemon.command(process.execPath, [
    join(import.meta.dirname, '../../../packages/daemon/main.ts'),
    ...['-H', `unix://${socket}`, '-G', 'no-such-group', '--config-file', '/dev/null'],
    ...[
      '--data-root',
      join(daemon.directory, 'data2'),
      '--exec-root',
      join(daemon.directory, 'r2'),
    ],
    ...['--pidfile', join(daemon.directory, 'pid2'), '--bridge', `${daemon.id}x`],
    ...['--cgroup-parent', `/${daemon.id}x`],
  ])
  assert.equal(status, 1)
  assert.match(stderr + stdout, /group no-such-group not found/)
  assert.ok(!existsSync(socket))
})

test('what the daemon keeps is closed to others', async () => {
  const id = await daemon.run({
    Cmd: ['sh', '-c', 'echo secret > /data/secret; umask 0; echo secret > /open; sleep 1000'],
    HostConfig: { NetworkMode: 'none', Binds: ['kept:/data'] },
  })
  for (const directory of [daemon.dataRoot, daemon.execRoot]) {
    assert.equal(statSync(directory).mode & 0o007 & ~0o001, 0, `${directory} can be listed`)
    const { status, stdout } = await daemon.command('setpriv', [
      ...['--reuid=61234', `--regid=${GID}`, '--clear-groups'],
      ...['sh', '-c', `ls ${directory}; find ${directory} -type f -readable 2>/dev/null`],
    ])
    assert.notEqual(status, 0)
    assert.equal(stdout, '')
  }
  const home = join(daemon.dataRoot, 'containers', id)
  for (const path of ['diff/open', `${id}-json.log`].map((name) => join(home, name)))
    assert.notEqual(
      (
        await daemon.command('setpriv', [
          '--reuid=61234',
          `--regid=${GID}`,
          '--clear-groups',
          'cat',
          path,
        ])
      ).status,
      0,
      path,
    )
  assert.equal(readFileSync(join(home, 'diff/open'), 'utf8'), 'secret\n')
  for (const name of readdirSync(daemon.dataRoot).filter((entry) => entry.startsWith('state.db')))
    assert.equal(statSync(join(daemon.dataRoot, name)).mode & 0o077, 0, name)
})

/** A server on an address of the host that says `host`. */
async function listen(address: string): Promise<{ server: Server; port: number }> {
  const server = createServer((_request, response) => response.end('host')).listen(0, address)
  await new Promise((resolve) => server.once('listening', resolve))
  return { server, port: (server.address() as AddressInfo).port }
}

/** `ask ADDRESS PORT` prints the body of the answer, or nothing. */
const ASK = String.raw`
  gateway=$(ip route | awk '/default/ {print $3}')
  ask() { printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 1 "$1" "$2" 2>/dev/null | tail -n 1; }`

test('what listens on the host’s loopback is out of a container’s reach', async () => {
  const loopback = await listen('127.0.0.1')
  const everywhere = await listen('0.0.0.0')
  try {
    const script = `${ASK}
      for target in $gateway 127.0.0.1; do
        echo "$target: $(ask $target ${loopback.port})"
      done
      ip route add 127.0.0.2 via $gateway 2>/dev/null && echo routed
      echo "open: $(ask $gateway ${everywhere.port})"`
    const id = await daemon.run({
      Cmd: ['sh', '-c', script],
    })
    await daemon.wait(id)
    // That it can speak to the gateway at all shows that the others were refused, not lost.
    assert.match(await daemon.logs(id), /^[\d.]+: \n127\.0\.0\.1: \nopen: host\n$/)
  } finally {
    loopback.server.close()
    everywhere.server.close()
  }
})

test('with rights over its own routes, too', async () => {
  const loopback = await listen('127.0.0.1')
  const everywhere = await listen('0.0.0.0')
  try {
    const script = `${ASK}
      ip address del 127.0.0.1/8 dev lo; ip link set lo down
      ip route add 127.0.0.0/8 via $gateway dev eth0 && echo routed
      echo "loopback: $(ask 127.0.0.1 ${loopback.port})$(ask 127.0.0.1 ${everywhere.port})"
      echo "open: $(ask $gateway ${everywhere.port})"`
    const id = await daemon.run({
      Cmd: ['sh', '-c', script],
      HostConfig: {
        CapAdd: ['NET_ADMIN', 'NET_RAW'],
        Sysctls: { 'net.ipv4.conf.all.route_localnet': '1' },
      },
    })
    await daemon.wait(id)
    assert.equal(await daemon.logs(id), 'routed\nloopback: \nopen: host\n')
  } finally {
    loopback.server.close()
    everywhere.server.close()
  }
})
