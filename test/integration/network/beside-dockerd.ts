import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { busyboxTar } from '../../lib/busybox.ts'
import { startDockerd, type DockerDaemon } from '../../lib/dockerd.ts'
import { lanClient, LAN_HOST, nft, Rig, type Container } from './fixture.ts'
import { assertClosed, assertOpen, type Namespace } from './namespace.ts'

/** Back within this, on a machine that has other things to do as well. */
const SOON_MS = 5000
const LAN_PEER = '198.51.100.2'

export type Backend = 'iptables' | 'nftables'

/**
 * The tests of a dockerd with its default rules on the same host: neither engine is in the other's
 * way. The caller is in a namespace of its own.
 */
export function testBesideDockerd(backend: Backend, args: readonly string[] = []): void {
  const id = `tdbeside${process.pid}`
  let directory: string
  let dockerd: DockerDaemon
  let lan: Namespace
  let rig: Rig
  let web: Container
  let theirs: { pid: number; address: string }

  /** dockerd's rules: without our accepts, and without what packets count. */
  const rules = (): string[] => {
    const text =
      backend === 'iptables'
        ? execFileSync('iptables-nft', ['-S'], { encoding: 'utf8' })
        : nft('-s', 'list', 'table', 'ip', 'docker-bridges')
    return text.split('\n').filter((line) => !line.includes('tdnet0'))
  }

  const begin = async (name: string): Promise<void> => {
    dockerd = await startDockerd(id, join(directory, name), 'overlay2', args)
    theirs = await startTheirs(dockerd)
  }

  before(async () => {
    // Its namespace is the test's own.
    execFileSync('ip', ['netns', 'attach', id, String(process.pid)])
    // dockerd sets the policy to DROP where it is who turns forwarding on.
    writeFileSync('/proc/sys/net/ipv4/ip_forward', backend === 'iptables' ? '0' : '1')
    directory = mkdtempSync('/dev/shm/tdbeside')
    lan = await lanClient()
    await lan.serve('tcp', 7000)
    await begin('first')
    rig = await Rig.start()
    web = await rig.run('web', { portBindings: { '80/tcp': [{ HostPort: '8080' }] } })
    await web.serve('tcp', 80)
  })

  after(async () => {
    await dockerd?.api.delete('/containers/theirs?force=1')
    await rig?.[Symbol.asyncDispose]()
    await dockerd?.[Symbol.asyncDispose]()
    await lan?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const within = (program: string, ...words: string[]): string =>
    execFileSync('nsenter', [`--net=/proc/${theirs.pid}/ns/net`, program, ...words], {
      encoding: 'utf8',
    }).trim()

  /** Both engines' containers: published, and on the way out under the host's address. */
  const bothWork = async (ms = SOON_MS): Promise<void> => {
    const limit = Date.now() + ms
    while (true) {
      try {
        await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'web')
        const seen = await assertOpen(web, { address: LAN_PEER, port: 7000 }, 'lan')
        assert.equal(seen, LAN_HOST)
        const page = lan.run('wget', '-qO-', '-T', '1', `http://${LAN_HOST}:9090/`)
        assert.equal(page.trim(), 'theirs')
        const said = within('busybox', 'nc', '-w', '1', LAN_PEER, '7000')
        assert.equal(said.replace('::ffff:', ''), `lan from ${LAN_HOST}`)
        break
      } catch (error) {
        if (Date.now() > limit) throw error
      }
    }
    // Neither is open under its own address, nor to the other engine's containers.
    await assertClosed(lan, { address: web.address, port: 80 })
    await assertClosed(web, { address: theirs.address, port: 80 })
  }

  test('both publish and reach out; the rules of dockerd are as they were', async () => {
    if (backend === 'iptables') assert.match(rules().join('\n'), /^-P FORWARD DROP$/m)
    await bothWork(20_000)
    const before = rules()
    const next = await rig.run('next', { portBindings: { '80/tcp': [{ HostPort: '8081' }] } })
    await rig.stop(next)
    assert.deepEqual(rules(), before)
  })

  test('after a flush of our table', async () => {
    const before = rules()
    nft('flush', 'table', 'inet', 'tdnet')
    await bothWork()
    nft('delete', 'table', 'inet', 'tdnet')
    await bothWork()
    assert.deepEqual(rules(), before)
  })

  test('after a policy of DROP, and without the accepts that let us pass', async () => {
    const iptables = (...words: string[]) => execFileSync('iptables-nft', words)
    iptables('-P', 'FORWARD', 'DROP')
    if (backend === 'nftables') {
      // dockerd has no rules there then, and tells its users to accept its bridge.
      for (const direction of ['-i', '-o'])
        iptables('-A', 'FORWARD', direction, 'docker0', '-j', 'ACCEPT')
      await bothWork()
      iptables('-D', 'FORWARD', '-i', 'tdnet0', '-j', 'ACCEPT')
      await bothWork()
      iptables('-F', 'FORWARD')
      iptables('-P', 'FORWARD', 'ACCEPT')
      return bothWork()
    }
    const before = rules()
    iptables('-F', 'DOCKER-USER')
    if (before.includes('-A DOCKER-USER -j RETURN')) iptables('-A', 'DOCKER-USER', '-j', 'RETURN')
    await bothWork()
    assert.deepEqual(rules(), before)
  })

  test('after dockerd has come again', async () => {
    await dockerd.api.delete('/containers/theirs?force=1')
    await dockerd[Symbol.asyncDispose]()
    execFileSync('ip', ['netns', 'attach', id, String(process.pid)])
    await begin('second')
    await bothWork(20_000)
  })
}

async function startTheirs({ api }: DockerDaemon): Promise<{ pid: number; address: string }> {
  await api.request('POST', '/images/create?fromSrc=-&repo=busybox', busyboxTar(), {
    'content-type': 'application/x-tar',
  })
  const script = 'mkdir /www; echo theirs > /www/index.html; exec httpd -f -p 80 -h /www'
  const { body } = await api.post<{ Id: string }>('/containers/create?name=theirs', {
    Image: 'busybox',
    Cmd: ['sh', '-c', script],
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '9090' }] } },
  })
  const { status, text } = await api.post(`/containers/${body.Id}/start`)
  assert.equal(status, 204, text)
  const { State, NetworkSettings } = (
    await api.get<{
      State: { Pid: number }
      NetworkSettings: { Networks: { bridge: { IPAddress: string } } }
    }>(`/containers/${body.Id}/json`)
  ).body
  return { pid: State.Pid, address: NetworkSettings.Networks.bridge.IPAddress }
}
