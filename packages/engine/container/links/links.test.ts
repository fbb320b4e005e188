import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container } from '../container.ts'
import { failureOf, makeWorld } from '../testing/fakes.ts'
import { linkVariables } from './environment.ts'
import { linkLines, withAddress } from './hosts.ts'

const child = {
  name: 'db',
  config: {
    Hostname: 'dbhost',
    Env: ['PATH=/bin', 'HOME=/', 'USER=me', 'ODD'],
    ExposedPorts: { '53/udp': {}, '81/tcp': {}, '80/tcp': {}, '90/tcp': {} },
  },
} as unknown as Container
const link = { child, alias: 'my-db', address: '172.17.0.3' }

test('variables of a link, ports in a row as a range', () => {
  assert.deepEqual(linkVariables('web', link), [
    'MY_DB_PORT=tcp://172.17.0.3:80',
    'MY_DB_PORT_80_TCP=tcp://172.17.0.3:80',
    'MY_DB_PORT_80_TCP_ADDR=172.17.0.3',
    'MY_DB_PORT_80_TCP_PORT=80',
    'MY_DB_PORT_80_TCP_PROTO=tcp',
    'MY_DB_PORT_81_TCP=tcp://172.17.0.3:81',
    'MY_DB_PORT_81_TCP_ADDR=172.17.0.3',
    'MY_DB_PORT_81_TCP_PORT=81',
    'MY_DB_PORT_81_TCP_PROTO=tcp',
    'MY_DB_PORT_90_TCP=tcp://172.17.0.3:90',
    'MY_DB_PORT_90_TCP_ADDR=172.17.0.3',
    'MY_DB_PORT_90_TCP_PORT=90',
    'MY_DB_PORT_90_TCP_PROTO=tcp',
    'MY_DB_PORT_80_TCP_START=tcp://172.17.0.3:80',
    'MY_DB_PORT_80_TCP_PORT_START=80',
    'MY_DB_PORT_80_TCP_END=tcp://172.17.0.3:81',
    'MY_DB_PORT_80_TCP_PORT_END=81',
    'MY_DB_PORT_53_UDP=udp://172.17.0.3:53',
    'MY_DB_PORT_53_UDP_ADDR=172.17.0.3',
    'MY_DB_PORT_53_UDP_PORT=53',
    'MY_DB_PORT_53_UDP_PROTO=udp',
    'MY_DB_NAME=/web/my-db',
    'MY_DB_ENV_USER=me',
  ])
})

test('lines of /etc/hosts, and their new addresses', () => {
  assert.equal(linkLines([link]), '172.17.0.3\tmy-db dbhost db\n')
  assert.equal(linkLines([{ ...link, alias: 'db' }]), '172.17.0.3\tdb dbhost\n')
  assert.equal(linkLines([{ ...link, address: '' }]), '')
  const text = '127.0.0.1\tlocalhost\n172.17.0.9\tmy-db dbhost db\n172.17.0.9\tmy-db2\n'
  assert.equal(withAddress(text, link), text.replace('172.17.0.9\tmy-db ', '172.17.0.3\tmy-db '))
  assert.equal(withAddress('x', link), 'x\n172.17.0.3\tmy-db dbhost db\n')
})

test('links are shown with both names, and found by them', async () => {
  await using world = makeWorld()
  const { backend } = world.containers
  const db = await world.create({}, 'db')
  const links = { HostConfig: { Links: ['db:alias', 'db', '/db:/old/other', 'db:alias'] } }
  await world.create(links, 'web')
  const { HostConfig } = await backend.inspect('web', { size: false })
  assert.deepEqual(HostConfig.Links, ['/db:/web/alias', '/db:/web/db', '/db:/web/other'])
  assert.equal((await backend.inspect('web/alias', { size: false })).Id, db)
  await backend.rename('web', 'site')
  await backend.rename('db', 'store')
  const after = (await backend.inspect('site', { size: false })).HostConfig.Links
  assert.deepEqual(after, ['/store:/site/alias', '/store:/site/db', '/store:/site/other'])
  const list = await backend.list({ all: true, limit: 0, size: false, filters: new Map() })
  const names = list.find(({ Id }) => Id === db)!.Names
  assert.deepEqual(names, ['/site/alias', '/site/db', '/site/other', '/store'])

  const remove = (name: string) =>
    backend.remove(name, { link: true, force: false, volumes: false })
  await remove('/site/alias')
  assert.match(await failureOf(backend.inspect('site/alias', { size: false })), /^notFound/)
  assert.equal(
    await failureOf(remove('site')),
    'system: Conflict, cannot remove the default link name of the container',
  )
})

test('what cannot be linked', async () => {
  await using world = makeWorld()
  await world.create({ HostConfig: { NetworkMode: 'host' } }, 'host')
  const create = (link: string) => failureOf(world.create({ HostConfig: { Links: [link] } }))
  assert.equal(
    await create('nobody:x'),
    'invalidParameter: could not get container for nobody: No such container: nobody',
  )
  assert.equal(await create('a:b:c'), 'system: bad format for links: a:b:c')
  assert.equal(await create(''), 'system: empty string specified for links')
  assert.equal(
    await create('host:x'),
    "invalidParameter: conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  )
})

test('whom it links to must run', async () => {
  await using world = makeWorld()
  const { backend } = world.containers
  await world.create({}, 'db')
  await world.create({ HostConfig: { Links: ['db:alias'] } }, 'web')
  const refused = 'system: Cannot link to a non running container: /db AS /web/alias'
  assert.equal(await failureOf(backend.start('web', {})), refused)
  await backend.start('db', {})
  await backend.start('web', {})
})
