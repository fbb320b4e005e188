import './private-netns.ts'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ip, lanClient, LAN_HOST, native, nft, Rig } from './fixture.ts'
import { assertClosed, assertOpen, Namespace } from './namespace.ts'

let lan: Namespace

before(async () => {
  lan = await lanClient()
})
after(() => lan.close())

const published = { portBindings: { '80/tcp': [{ HostPort: '8080' }] } }

/** Firewall reloads of other programs: the guard is back within the second. */
async function within<T>(ms: number, attempt: () => Promise<T>): Promise<T> {
  const limit = Date.now() + ms
  while (true) {
    try {
      return await attempt()
    } catch (error) {
      if (Date.now() > limit) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

test('after a flush of the rule set everything is as before, without anybody asking', async () => {
  await using rig = await Rig.start()
  const web = await rig.run('web', published)
  await web.serve('tcp', 80)
  const before = nft('list', 'table', 'inet', 'tdnet')
  nft('flush', 'ruleset')
  await within(1000, async () => assert.equal(nft('list', 'table', 'inet', 'tdnet'), before))
  await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'web')
  await assertClosed(lan, { address: web.address, port: 80 })
})

test('one rule that is taken away comes back as well', async () => {
  await using rig = await Rig.start()
  const before = nft('list', 'table', 'inet', 'tdnet')
  nft('flush', 'chain', 'inet', 'tdnet', 'raw')
  await within(1000, async () => assert.equal(nft('list', 'table', 'inet', 'tdnet'), before))
  void rig
})

test('a FORWARD policy of DROP that comes later does not close published ports', async () => {
  await using rig = await Rig.start()
  const web = await rig.run('web', published)
  await web.serve('tcp', 80)
  execFileSync('iptables-nft', ['-P', 'FORWARD', 'DROP'])
  await within(1000, () => assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'web'))
  nft('flush', 'table', 'ip', 'filter')
})

test('a bridge that somebody removed is made again at the next start', async () => {
  await using rig = await Rig.start()
  ip('link', 'delete', 'tdnet0')
  const web = await rig.run('web', published)
  await web.serve('tcp', 80)
  await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'web')
})

test('the machine does not become a router between its own networks', async () => {
  const fd = await native.netnsCreate({})
  const far = new Namespace('far', fd)
  await far.ready
  native.closeFd(fd)
  ip('link', 'add', 'far0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(far.pid))
  ip('address', 'add', '203.0.113.1/24', 'dev', 'far0')
  ip('link', 'set', 'far0', 'up')
  far.run('ip', 'address', 'add', '203.0.113.2/24', 'dev', 'eth0')
  far.run('ip', 'link', 'set', 'eth0', 'up')
  far.run('ip', 'route', 'add', 'default', 'via', '203.0.113.1')
  lan.run('ip', 'route', 'add', '203.0.113.0/24', 'via', LAN_HOST)
  await far.serve('tcp', 7100)
  const target = { address: '203.0.113.2', port: 7100 }

  writeFileSync('/proc/sys/net/ipv4/ip_forward', '0')
  await using rig = await Rig.start()
  const web = await rig.run('web', published)
  await web.serve('tcp', 80)
  await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'web')
  await assertOpen(web, target, 'far')
  await assertClosed(lan, target)
  await far.close()
})
