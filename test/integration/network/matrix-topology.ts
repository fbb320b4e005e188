import type { NetworkCreateRequest } from '@tdocker/api'
import type { SandboxRequest } from '@tdocker/engine/container/needs.ts'
import { ip, lanClient, LAN_HOST, native, Rig, type Container } from './fixture.ts'
import { host, Namespace, type Place } from './namespace.ts'

/**
 * The world of the reachability matrix, all in namespaces of its own:
 *
 *     lan 198.51.100.2 ──┐
 *     second .3 ─────────┤ bridge lan0 of the host, 198.51.100.1, 2001:db8::1
 *     router .254 ───────┘── internet 203.0.113.2, 2001:db8:1::2
 *
 * `second` routes container addresses to the host, as a neighbour that tries to get in would.
 */
export const LAN_HOST6 = '2001:db8::1'
export const SECOND = '198.51.100.3'
export const SECOND6 = '2001:db8::3'
export const INTERNET = '203.0.113.2'
export const INTERNET6 = '2001:db8:1::2'

export interface World extends AsyncDisposable {
  rig: Rig
  places: Record<string, Place>
  containers: Record<string, Container>
}

const HOST_LAN = '198.51.100.0/24'

export async function buildWorld(): Promise<World> {
  const lan = await lanClient()
  const [second, internet] = [await namespace('second'), await namespace('internet')]
  wire(lan, second, internet)
  const rig = await Rig.start()
  const containers = await runContainers(rig)
  for (const place of [lan, second, internet]) await serveAll(place)
  return {
    rig,
    containers,
    places: { host, lan, second, internet, ...containers },
    async [Symbol.asyncDispose]() {
      for (const place of [lan, second, internet]) await place.close()
      await rig[Symbol.asyncDispose]()
    },
  }
}

async function namespace(name: string): Promise<Namespace> {
  const fd = await native.netnsCreate({})
  const place = new Namespace(name, fd)
  await place.ready
  native.closeFd(fd)
  return place
}

/** The LAN client is already wired to the host; the others are reached through it. */
function wire(lan: Namespace, second: Namespace, internet: Namespace): void {
  const pair = (a: Namespace, from: string, b: Namespace, to: string): void => {
    const peer = ['peer', 'name', to, 'netns', String(b.pid)]
    a.run('ip', 'link', 'add', from, 'type', 'veth', ...peer)
    a.run('ip', 'link', 'set', from, 'up')
    b.run('ip', 'link', 'set', to, 'up')
  }
  pair(lan, 'seg1', second, 'eth0')
  pair(lan, 'far0', internet, 'eth0')
  // What was the client's own link becomes a port of the segment that it shares with the second.
  lan.run('ip', 'address', 'flush', 'dev', 'eth0')
  lan.run('ip', 'link', 'add', 'segment', 'type', 'bridge')
  for (const port of ['eth0', 'seg1']) lan.run('ip', 'link', 'set', port, 'master', 'segment')
  lan.run('ip', 'link', 'set', 'segment', 'up')
  for (const address of ['198.51.100.2/24', '198.51.100.254/24', '2001:db8::2/64'])
    lan.run('ip', 'address', 'add', address, 'dev', 'segment', ...nodad(address))
  for (const address of ['203.0.113.254/24', '2001:db8:1::254/64'])
    lan.run('ip', 'address', 'add', address, 'dev', 'far0', ...nodad(address))
  lan.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  for (const address of [`${SECOND}/24`, `${SECOND6}/64`])
    second.run('ip', 'address', 'add', address, 'dev', 'eth0', ...nodad(address))
  for (const address of [`${INTERNET}/24`, `${INTERNET6}/64`])
    internet.run('ip', 'address', 'add', address, 'dev', 'eth0', ...nodad(address))
  internet.run('ip', 'route', 'add', HOST_LAN, 'via', '203.0.113.254')
  internet.run('ip', 'route', 'add', '2001:db8::/64', 'via', '2001:db8:1::254')
  ip('-6', 'address', 'add', `${LAN_HOST6}/64`, 'dev', 'lan0', 'nodad')
  ip('route', 'add', 'default', 'via', '198.51.100.254')
  ip('-6', 'route', 'add', 'default', 'via', '2001:db8::2')
  for (const place of [lan, second]) {
    for (const subnet of ['172.16.0.0/12', '192.168.0.0/16', '10.0.0.0/8'])
      place.run('ip', 'route', 'replace', subnet, 'via', LAN_HOST)
    place.run('ip', '-6', 'route', 'add', 'fd00::/8', 'via', LAN_HOST6)
  }
}

function nodad(address: string): string[] {
  return address.includes(':') ? ['nodad'] : []
}

async function runContainers(rig: Rig): Promise<Record<string, Container>> {
  const make = (Name: string, body: NetworkCreateRequest) =>
    rig.networks.maker.create({ Name, ...body })
  const pool = (n: number) => ({
    EnableIPv6: true,
    IPAM: { Config: [{ Subnet: `10.77.${n}.0/24` }, { Subnet: `fd77:${n}::/64` }] },
  })
  await make('red', pool(1))
  await make('blue', pool(2))
  await make('inner', { ...pool(3), Internal: true })
  await make('old', { IPAM: { Config: [{ Subnet: '10.77.4.0/24' }] } })
  const run = async (name: string, mode: string, request: Partial<SandboxRequest> = {}) => {
    const container = await rig.run(name, { mode, ...request })
    await serveAll(container)
    return container
  }
  const ports = (bindings: Record<string, readonly [string, string]>) => ({
    portBindings: Object.fromEntries(
      Object.entries(bindings).map(([key, [HostIp, HostPort]]) => [key, [{ HostIp, HostPort }]]),
    ),
  })
  return {
    web: await run('web', 'red', {
      ...ports({
        '80/tcp': ['', '8080'],
        '53/udp': ['', '5353'],
        '81/tcp': ['', '8100-8109'],
        '82/tcp': ['127.0.0.1', '8082'],
        '83/tcp': [LAN_HOST, '8083'],
        '84/tcp': ['::1', '8084'],
        '85/tcp': [LAN_HOST6, '8085'],
      }),
    }),
    neighbour: await run('neighbour', 'red'),
    stranger: await run('stranger', 'blue'),
    insider: await run('insider', 'inner', ports({ '80/tcp': ['', '8090'] })),
    friend: await run('friend', 'inner'),
    plain: await run('plain', 'old', ports({ '80/tcp': ['', '8180'], '53/udp': ['', '5180'] })),
  }
}

async function serveAll(place: Namespace): Promise<void> {
  for (const port of [80, 81, 82, 83, 84, 85, 86]) await place.serve('tcp', port, '::')
  await place.serve('udp', 53)
  await place.serve('udp', 53, '::')
}
