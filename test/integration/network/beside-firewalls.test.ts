import './private-netns.ts'
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { until } from '../../lib/test-daemon.ts'
import { lanClient, LAN_HOST, nft, Rig, type Container } from './fixture.ts'
import { assertClosed, assertOpen, host, type Namespace } from './namespace.ts'

/** Other programs' rule sets, as they write them, on the same host. */

const LAN_PEER = '198.51.100.2'
/** Far more than it takes, for a machine that has other things to do as well. */
const SOON_MS = 5000

interface Firewall {
  /** Puts its rules there, in the place of what it had before. */
  load(): void
  unload(): void
  /** What it says of its rules. */
  list(): string
  /** It refuses what the LAN asks of the host. */
  guardsHost: boolean
}

const file = (name: string): string => join(import.meta.dirname, 'firewalls', name)
const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

function restore(program: string, rules: string): void {
  execFileSync(program, [], { input: readFileSync(file(rules)) })
}

function clear(program: string): void {
  run(program, '-P', 'FORWARD', 'ACCEPT')
  run(program, '-P', 'INPUT', 'ACCEPT')
  run(program, '-F')
  run(program, '-X')
}

const ufw = (kind: 'nft' | 'legacy'): Firewall => ({
  load() {
    restore(`iptables-${kind}-restore`, 'ufw.rules')
    restore(`ip6tables-${kind}-restore`, 'ufw.rules6')
  },
  unload() {
    clear(`iptables-${kind}`)
    clear(`ip6tables-${kind}`)
  },
  list: () => run(`iptables-${kind}`, '-S') + run(`ip6tables-${kind}`, '-S'),
  guardsHost: true,
})

const policy = (kind: 'nft' | 'legacy'): Firewall => ({
  load() {
    run(`iptables-${kind}`, '-F')
    run(`iptables-${kind}`, '-P', 'FORWARD', 'DROP')
  },
  unload: () => clear(`iptables-${kind}`),
  list: () => run(`iptables-${kind}`, '-S'),
  guardsHost: false,
})

const firewalls: Readonly<Record<string, Firewall>> = {
  ufw: ufw('nft'),
  'ufw with iptables-legacy': ufw('legacy'),
  firewalld: {
    load() {
      // In one transaction, as it does.
      const table = readFileSync(file('firewalld.nft'), 'utf8')
      const text = `add table inet firewalld\ndelete table inet firewalld\n${table}`
      execFileSync('nft', ['-f', '-'], { input: text })
    },
    unload: () => void nft('delete', 'table', 'inet', 'firewalld'),
    list: () => nft('list', 'table', 'inet', 'firewalld'),
    guardsHost: true,
  },
  'a policy of DROP': policy('nft'),
  'a policy of DROP with iptables-legacy': policy('legacy'),
  'a last rule that rejects all': {
    load() {
      run('iptables-nft', '-F')
      run('iptables-nft', '-A', 'FORWARD', '-j', 'REJECT', '--reject-with', 'icmp-host-prohibited')
    },
    unload: () => clear('iptables-nft'),
    list: () => run('iptables-nft', '-S'),
    guardsHost: false,
  },
  'a DOCKER-USER that nobody asks any more': {
    load() {
      run('iptables-nft', '-P', 'FORWARD', 'DROP')
      run('iptables-nft', '-F')
      run('iptables-nft', '-X')
      run('iptables-nft', '-N', 'DOCKER-USER')
    },
    unload: () => clear('iptables-nft'),
    list: () => run('iptables-nft', '-S'),
    guardsHost: false,
  },
}

let lan: Namespace
const ofHost = createServer((client) => client.end('host'))
before(async () => {
  lan = await lanClient()
  await lan.serve('tcp', 7000)
  await new Promise<void>((resolve) => ofHost.listen(7300, resolve))
})
after(async () => {
  ofHost.close()
  await lan.close()
})

async function asAsked(web: Container, guarded: boolean): Promise<void> {
  const limit = Date.now() + SOON_MS
  while (true) {
    try {
      const seen = await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'web')
      assert.equal(seen, LAN_PEER)
      await assertOpen(host, { address: '127.0.0.1', port: 8080 }, 'web')
      assert.equal(await assertOpen(web, { address: LAN_PEER, port: 7000 }, 'lan'), LAN_HOST)
      break
    } catch (error) {
      if (Date.now() > limit) throw error
    }
  }
  await Promise.all([
    assertClosed(lan, { address: web.address, port: 80 }),
    guarded && assertClosed(lan, { address: LAN_HOST, port: 7300 }),
  ])
}

for (const [name, firewall] of Object.entries(firewalls))
  test(`beside ${name}: before and after it came, after its reload, and nothing is left`, async () => {
    const published = { portBindings: { '80/tcp': [{ HostPort: '8080' }] } }
    {
      await using rig = await Rig.start()
      const web = await rig.run('web', published)
      await web.serve('tcp', 80)
      await asAsked(web, false)
      firewall.load()
      await asAsked(web, firewall.guardsHost)
      firewall.load()
      await asAsked(web, firewall.guardsHost)
      const accepts = firewall.list().match(/tdnet0/g)?.length
      await rig.crash([web])
      await asAsked(web, firewall.guardsHost)
      assert.equal(firewall.list().match(/tdnet0/g)?.length, accepts, firewall.list())
    }
    assert.doesNotMatch(firewall.list(), /tdnet0/)
    {
      await using rig = await Rig.start()
      const web = await rig.run('web', published)
      await web.serve('tcp', 80)
      await asAsked(web, firewall.guardsHost)
    }
    firewall.unload()
  })

test('a table that only its owner may change: networks are made, and it is said once', async () => {
  const warned: string[] = []
  // nft holds the table as long as it runs, as firewalld does from its 2.1 on.
  const owner = spawn('nft', ['-i'], { stdio: ['pipe', 'ignore', 'inherit'] })
  owner.stdin.write('add table inet firewalld { flags owner; }\n')
  owner.stdin.write('add chain inet firewalld filter_FORWARD\n')
  owner.stdin.write('add chain inet firewalld filter_INPUT\n')
  try {
    await until('the owner', () => /filter_INPUT/.test(nft('list', 'ruleset')))
    await using rig = await Rig.start({}, (text) => warned.push(text))
    const web = await rig.run('web', { portBindings: { '80/tcp': [{ HostPort: '8080' }] } })
    await web.serve('tcp', 80)
    await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'web')
    assert.equal(warned.filter((text) => text.includes('another firewall')).length, 2)
  } finally {
    owner.stdin.end()
  }
})
