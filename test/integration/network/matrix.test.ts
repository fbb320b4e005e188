import './private-netns.ts'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { LAN_HOST } from './fixture.ts'
import {
  buildWorld,
  INTERNET,
  INTERNET6,
  LAN_HOST6,
  SECOND,
  SECOND6,
  type World,
} from './matrix-topology.ts'

/**
 * Who reaches what, and whom it sees then: each row is a target, each cell the source address that
 * the target sees, or that the way is closed. Names of places stand for their own addresses.
 */

let world: World

before(async () => {
  world = await buildWorld()
})
after(() => world[Symbol.asyncDispose]())

/** `self`: the place's own address of the target's family; `gateway`: that of the target's bridge. */
type Cell = 'closed' | 'self' | 'gateway' | 'host'

interface Row {
  what: string
  target: { address: string; port: number; protocol?: 'tcp' | 'udp' }
  /** Who answers. */
  server: string
  cells: Readonly<Record<string, Cell>>
}

const NOBODY: Row['cells'] = { host: 'closed', lan: 'closed', second: 'closed', internet: 'closed' }
const EVERYBODY: Row['cells'] = {
  ...{ host: 'gateway', lan: 'self', second: 'self', internet: 'self' },
  ...{ neighbour: 'gateway', web: 'gateway', stranger: 'gateway' },
}

/** Addresses by place and family, as the others see them. */
function addressOf(name: string, family: 4 | 6): string {
  const outside: Record<string, [string, string]> = {
    lan: ['198.51.100.2', '2001:db8::2'],
    second: [SECOND, SECOND6],
    internet: [INTERNET, INTERNET6],
    host: [LAN_HOST, LAN_HOST6],
  }
  const fixed = outside[name]
  if (fixed !== undefined) return fixed[family === 4 ? 0 : 1]
  const [endpoint] = Object.values(world.containers[name]?.sandbox.endpoints ?? {})
  return (family === 4 ? endpoint?.IPAddress : endpoint?.GlobalIPv6Address) ?? ''
}

function gatewayOf(name: string, family: 4 | 6): string {
  const [network] = Object.keys(world.containers[name]?.sandbox.endpoints ?? {})
  const pools = world.rig.networks.directory.byName(network ?? '')?.config.pools ?? []
  return pools.map(({ gateway }) => gateway ?? '').find((text) => familyOf(text) === family) ?? ''
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4
}

function rows(): Row[] {
  const all: Row[] = []
  for (const family of [4, 6] as const) {
    const [of, hostAt] = [
      (name: string) => addressOf(name, family),
      [LAN_HOST, LAN_HOST6][family / 2 - 2]!,
    ]
    const loopback = family === 4 ? '127.0.0.1' : '::1'
    // The shim's part, which is not in this rig: test/integration/container/ports.test.ts.
    const atLoopback: Cell = family === 4 ? 'gateway' : 'closed'
    const row = (
      what: string,
      server: string,
      target: Row['target'],
      cells: Row['cells'],
    ): number => all.push({ what: `IPv${family} ${what}`, server, target, cells })
    row(
      'a container of the same and of other bridges',
      'neighbour',
      { address: of('neighbour'), port: 80 },
      {
        ...NOBODY,
        ...{ host: 'gateway', web: 'self', stranger: 'closed', insider: 'closed' },
      },
    )
    row(
      'a published port at the container itself',
      'web',
      { address: of('web'), port: 80 },
      {
        ...NOBODY,
        ...{ host: 'gateway', neighbour: 'self', stranger: 'closed', plain: 'closed' },
      },
    )
    row(
      'UDP at the container itself',
      'web',
      { address: of('web'), port: 53, protocol: 'udp' },
      {
        ...NOBODY,
        ...{ host: 'gateway', neighbour: 'self', stranger: 'closed' },
      },
    )
    row(
      'an internal network',
      'insider',
      { address: of('insider'), port: 80 },
      {
        ...NOBODY,
        ...{ host: 'gateway', friend: 'self', web: 'closed', stranger: 'closed' },
      },
    )
    row(
      'a published TCP port',
      'web',
      { address: hostAt, port: 8080 },
      { ...EVERYBODY, insider: 'closed' },
    )
    row('a published UDP port', 'web', { address: hostAt, port: 5353, protocol: 'udp' }, EVERYBODY)
    row('a port of a range', 'web', { address: hostAt, port: 8100 }, EVERYBODY)
    row(
      'the rest of the range',
      'web',
      { address: hostAt, port: 8101 },
      {
        ...NOBODY,
        ...{ neighbour: 'closed', stranger: 'closed' },
      },
    )
    row(
      'a published port at the bridge of its network',
      'web',
      { address: gatewayOf('web', family), port: 8080 },
      {
        ...{ host: 'gateway', neighbour: 'gateway', web: 'gateway', stranger: 'gateway' },
      },
    )
    row(
      'a published port at the loopback address',
      'web',
      { address: loopback, port: 8080 },
      {
        host: atLoopback,
      },
    )
    row(
      'UDP at the loopback address',
      'web',
      { address: loopback, port: 5353, protocol: 'udp' },
      {
        host: atLoopback,
      },
    )
    row(
      'a port of the loopback address',
      'web',
      { address: loopback, port: family === 4 ? 8082 : 8084 },
      {
        host: atLoopback,
      },
    )
    row(
      'the same at the LAN address',
      'web',
      { address: hostAt, port: family === 4 ? 8082 : 8084 },
      {
        ...NOBODY,
        ...{ neighbour: 'closed', stranger: 'closed' },
      },
    )
    row(
      'a port of the LAN address',
      'web',
      { address: hostAt, port: family === 4 ? 8083 : 8085 },
      EVERYBODY,
    )
    row(
      'the same at the loopback address',
      'web',
      { address: loopback, port: family === 4 ? 8083 : 8085 },
      {
        host: 'closed',
      },
    )
    row(
      'the same at the bridge',
      'web',
      { address: gatewayOf('web', family), port: family === 4 ? 8083 : 8085 },
      {
        ...{ host: 'closed', neighbour: 'closed', stranger: 'closed' },
      },
    )
    row(
      'a port that an internal network does not publish',
      'insider',
      { address: hostAt, port: 8090 },
      {
        ...NOBODY,
        ...{ neighbour: 'closed', friend: 'closed' },
      },
    )
    row(
      'a port that nobody publishes',
      'web',
      { address: hostAt, port: 86 },
      {
        ...NOBODY,
        ...{ neighbour: 'closed', stranger: 'closed' },
      },
    )
    row(
      'the LAN',
      'lan',
      { address: of('lan'), port: 80 },
      {
        ...{ host: 'self', web: 'host', stranger: 'host', insider: 'closed', second: 'self' },
      },
    )
    row(
      'the internet',
      'internet',
      { address: of('internet'), port: 80 },
      {
        ...{ host: 'self', web: 'host', stranger: 'host', insider: 'closed', second: 'closed' },
      },
    )
    row(
      'the internet by UDP',
      'internet',
      { address: of('internet'), port: 53, protocol: 'udp' },
      {
        ...{ web: 'host', stranger: 'host', insider: 'closed' },
      },
    )
  }
  return all
}

test('every cell of the matrix', async () => {
  const mistakes: string[] = []
  let cells = 0
  for (const { what, target, server, cells: row } of rows()) {
    await Promise.all(
      Object.entries(row).map(async ([from, expected]) => {
        cells++
        const seen = await world.places[from]!.probe(target)
        const text = 'text' in seen ? seen.text.replace('::ffff:', '') : ''
        const wanted = expectedText(from, server, familyOf(target.address), expected)
        const good = wanted === undefined ? text === '' : wanted.includes(text)
        if (good) return
        mistakes.push(
          `${what}: ${from} → ${target.address}:${target.port}: ${JSON.stringify(seen)}, not ${wanted ?? 'closed'}`,
        )
      }),
    )
  }
  assert.deepEqual(mistakes, [])
  assert.ok(cells > 200, `${cells} cells`)
})

/** What may come back; undefined where the way is closed. */
function expectedText(
  from: string,
  server: string,
  family: 4 | 6,
  cell: Cell,
): string[] | undefined {
  if (cell === 'closed') return undefined
  if (cell === 'self') return [`${server} from ${addressOf(from, family)}`]
  if (cell === 'host') return [`${server} from ${addressOf('host', family)}`]
  // The host's own packets carry whichever of its addresses leads there.
  return [
    `${server} from ${gatewayOf(server, family)}`,
    `${server} from ${addressOf('host', family)}`,
  ]
}

test('containers without IPv6 have none, and nothing leads there', async () => {
  const { plain } = world.containers
  assert.equal(plain?.run('ip', '-6', 'address', 'show', 'dev', 'eth0'), '')
  for (const from of ['lan', 'second', 'internet', 'host']) {
    const place = world.places[from]!
    const answer = await place.probe({ address: LAN_HOST, port: 8180 })
    assert.match(JSON.stringify(answer), /plain from/)
  }
})
