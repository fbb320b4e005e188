import './private-netns.ts'
import { execFileSync } from 'node:child_process'
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { lanClient, LAN_HOST, nft, Rig } from './fixture.ts'
import { assertClosed, assertOpen, type Namespace } from './namespace.ts'

const iptables = (...args: string[]) =>
  execFileSync('iptables-nft', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

let lan: Namespace

before(async () => {
  lan = await lanClient()
})
after(() => lan.close())

/** As a dockerd on the same machine leaves it. */
function dropForwarding(chain: 'FORWARD' | 'DOCKER-USER'): void {
  iptables('-P', 'FORWARD', 'DROP')
  if (chain === 'FORWARD') return
  iptables('-N', chain)
  iptables('-A', 'FORWARD', '-j', chain)
}

for (const chain of ['FORWARD', 'DOCKER-USER'] as const) {
  test(`published ports work under a FORWARD policy of DROP (${chain})`, async () => {
    dropForwarding(chain)
    {
      await using rig = await Rig.start()
      const web = await rig.run('web', { portBindings: { '80/tcp': [{ HostPort: '8080' }] } })
      await web.serve('tcp', 80)
      await lan.serve('tcp', chain === 'FORWARD' ? 7001 : 7002)
      await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'web')
      await assertOpen(
        web,
        { address: '198.51.100.2', port: chain === 'FORWARD' ? 7001 : 7002 },
        'lan',
      )
      await assertClosed(lan, { address: web.address, port: 80 })
      // A second start finds the rules there; iptables can still read and change its chain.
      await rig.crash([web])
      assert.equal(iptables('-S', chain).match(/tdnet0 -j ACCEPT|tdnet0 .*-j ACCEPT/g)?.length, 2)
      iptables('-I', chain, '-i', 'nothing0', '-j', 'ACCEPT')
    }
    assert.doesNotMatch(iptables('-S'), /tdnet0/)
    nft('flush', 'ruleset')
  })
}
