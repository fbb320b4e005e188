import '../integration/network/private-resolv-conf.ts'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { busyboxTar } from '../lib/busybox.ts'
import type { TypeName } from '../lib/dns-wire.ts'
import { startDockerd, type DockerDaemon } from '../lib/dockerd.ts'
import { TestDaemon } from '../lib/test-daemon.ts'
import { DnsPlace } from '../integration/network/dns-place.ts'

/**
 * The same questions to both engines' servers. `TDOCKER_PEER` names a directory with dockerd 29's
 * programs. What differs on purpose: `host.docker.internal`, which dockerd on Linux does not know;
 * links, which dockerd matches with regard to case.
 */

const directory = mkdtempSync('/dev/shm/tdocker-dns-peer-')
const id = `dnspeer${process.pid}`
const sides: Array<{ name: string; place: DnsPlace; conf: string }> = []
const upstreams: DnsPlace[] = []
let dockerd: DockerDaemon
let daemon: TestDaemon

before(async () => {
  dockerd = await startDockerd(id, directory + '/d')
  daemon = await TestDaemon.start()
  for (const netns of ['/proc/self/ns/net', `/run/netns/${id}`]) {
    const upstream = await DnsPlace.enter(netns)
    upstreams.push(upstream)
    // dockerd waits four seconds for a server that is silent.
    await upstream.serve('127.0.0.2', 'servfail')
    await upstream.serve('127.0.0.1', 'name')
  }
  const socket = `unix://${dockerd.socket}`
  execFileSync('docker', ['-H', socket, 'import', '-', 'busybox'], { input: busyboxTar() })
  const peer = (...args: string[]): Promise<string> =>
    Promise.resolve(execFileSync('docker', ['-H', socket, ...args], { encoding: 'utf8' }))
  const ours = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await daemon.docker(...args)
    assert.equal(status, 0, stderr)
    return stdout
  }
  sides.push(await side('tdocker', ours), await side('dockerd', peer))
})

after(async () => {
  for (const { place } of sides) await place.close()
  for (const upstream of upstreams) await upstream.close()
  await daemon?.[Symbol.asyncDispose]()
  await dockerd?.[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

async function side(
  name: string,
  docker: (...args: string[]) => Promise<string>,
): Promise<(typeof sides)[number]> {
  const subnets = ['--ipv6', '--subnet', '172.30.0.0/24', '--subnet', 'fd00:30::/64']
  await docker('network', 'create', ...subnets, 'front')
  await docker('network', 'create', '--subnet', '172.30.1.0/24', 'net.two')
  const run = (...args: string[]): Promise<string> =>
    docker('run', '-d', ...args, 'busybox', 'sleep', '3600')
  const at = ['--network', 'front', '--network-alias', 'all']
  await run('--name', 'web', ...at, '-h', 'webhost', '--ip', '172.30.0.10', '--ip6', 'fd00:30::10')
  await run('--name', 'db.one', ...at, '--ip', '172.30.0.11', '--ip6', 'fd00:30::11')
  await run('--name', 'far', '--network', 'net.two', '--ip', '172.30.1.9')
  await run(
    '--name',
    'asker',
    ...at,
    '--link',
    'web:linked',
    '--ip',
    '172.30.0.12',
    '--ip6',
    'fd00:30::12',
  )
  await docker('network', 'connect', 'net.two', 'asker')
  const pid = (await docker('inspect', '-f', '{{.State.Pid}}', 'asker')).trim()
  const place = await DnsPlace.enter(`/proc/${pid}/ns/net`)
  return { name, place, conf: await docker('exec', 'asker', 'cat', '/etc/resolv.conf') }
}

const questions: ReadonlyArray<readonly [string, TypeName]> = [
  ...(['web', 'WEB', 'webhost', 'db.one', 'all', 'linked', 'asker', 'far'] as const).flatMap(
    (name) => [[name, 'A'] as const, [name, 'AAAA'] as const],
  ),
  ['web.front', 'A'],
  ['web.net.two', 'A'],
  ['far.net.two', 'A'],
  ['db.one.front', 'A'],
  ['db.front', 'A'],
  ['linked.front', 'A'],
  ['web', 'MX'],
  ['far', 'MX'],
  ['web', 'TXT'],
  ['_http._tcp.web', 'SRV'],
  ['10.0.30.172.in-addr.arpa', 'PTR'],
  ['9.1.30.172.in-addr.arpa', 'PTR'],
  ['99.0.30.172.in-addr.arpa', 'PTR'],
  [`0.1.${'0.'.repeat(22)}0.3.0.0.0.0.d.f.ip6.arpa`, 'PTR'],
  ['example.test', 'A'],
  ['example.test', 'AAAA'],
  ['nobody.test', 'A'],
  ['localhost', 'A'],
  ['big.test', 'A'],
]

test('resolv.conf is the same', () => {
  assert.equal(sides[0]?.conf, sides[1]?.conf)
})

for (const tcp of [false, true])
  test(`the same answers over ${tcp ? 'TCP' : 'UDP'}`, async () => {
    const [ours, theirs] = await Promise.all(
      sides.map(async ({ place }) => {
        const answers: Record<string, string> = {}
        for (const [name, type] of questions) {
          const { rcode, records, truncated, ttls } = await place.ask(name, type, { tcp })
          const sorted = records.toSorted((a, b) => (a < b ? -1 : 1))
          answers[`${name} ${type}`] = [rcode, truncated, ttls[0], ...sorted].join(' ')
        }
        return answers
      }),
    )
    assert.deepEqual(ours, theirs)
  })
