import './private-netns.ts'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { busyboxTar } from '../../lib/busybox.ts'
import { startDockerd, type DockerDaemon } from '../../lib/dockerd.ts'
import { lanClient, LAN_HOST, nft, Rig, type Container } from './fixture.ts'
import { assertOpen, type Namespace } from './namespace.ts'

/** A dockerd with its default rules on the same host: neither engine is in the other's way. */

const id = `tdbeside${process.pid}`
let directory: string
let dockerd: DockerDaemon
let lan: Namespace
let rig: Rig
let web: Container

const rules = (): string => execFileSync('iptables-nft', ['-S'], { encoding: 'utf8' })
/** Without our accepts, and without what packets count. */
const theirs = (): string[] =>
  rules()
    .split('\n')
    .filter((line) => !line.includes('tdnet0'))

before(async () => {
  // Its namespace is the test's own.
  execFileSync('ip', ['netns', 'attach', id, String(process.pid)])
  // dockerd sets the policy to DROP where it is who turns forwarding on.
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '0')
  directory = mkdtempSync('/dev/shm/tdbeside')
  lan = await lanClient()
  await lan.serve('tcp', 7000)
  dockerd = await startDockerd(id, join(directory, 'dockerd'))
  rig = await Rig.start()
  web = await rig.run('web', { portBindings: { '80/tcp': [{ HostPort: '8080' }] } })
  await web.serve('tcp', 80)
  await startTheirs()
})

after(async () => {
  await rig?.[Symbol.asyncDispose]()
  await dockerd?.[Symbol.asyncDispose]()
  await lan?.close()
  rmSync(directory, { recursive: true, force: true })
})

async function startTheirs(): Promise<void> {
  const { api } = dockerd
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
  const { status } = await api.post(`/containers/${body.Id}/start`)
  assert.equal(status, 204)
}

/** Both engines' containers: published, and on the way out. */
async function bothWork(ms: number): Promise<void> {
  const limit = Date.now() + ms
  while (true) {
    try {
      await assertOpen(lan, { address: LAN_HOST, port: 8080 }, 'web')
      await assertOpen(web, { address: '198.51.100.2', port: 7000 }, 'lan')
      const page = lan.run('wget', '-qO-', '-T', '1', `http://${LAN_HOST}:9090/`)
      assert.equal(page.trim(), 'theirs')
      return
    } catch (error) {
      if (Date.now() > limit) throw error
    }
  }
}

test('both publish and reach out; the rules of dockerd are as they were', async () => {
  assert.match(rules(), /^-P FORWARD DROP$/m)
  await bothWork(20_000)
  const before = theirs()
  const next = await rig.run('next', { portBindings: { '80/tcp': [{ HostPort: '8081' }] } })
  await rig.stop(next)
  assert.deepEqual(theirs(), before)
})

test('after a flush of our table, and of the chain that lets us pass', async () => {
  const before = theirs()
  nft('flush', 'table', 'inet', 'tdnet')
  await bothWork(5000)
  nft('delete', 'table', 'inet', 'tdnet')
  await bothWork(5000)
  execFileSync('iptables-nft', ['-P', 'FORWARD', 'DROP'])
  execFileSync('iptables-nft', ['-F', 'DOCKER-USER'])
  execFileSync('iptables-nft', ['-A', 'DOCKER-USER', '-j', 'RETURN'])
  await bothWork(5000)
  assert.deepEqual(theirs(), before)
})
