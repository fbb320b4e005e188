/** Runs in the virtual machine: containers under AppArmor. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const CURRENT = 'cat /proc/self/attr/current'

async function inside(script: string, hostConfig: object = {}): Promise<string> {
  const id = await daemon.run({
    Cmd: ['sh', '-c', `${script} 2>&1`],
    HostConfig: { NetworkMode: 'none', ...hostConfig },
  })
  await daemon.wait(id)
  return (await daemon.logs(id)).trim()
}

test('the default profile is loaded at the first start, and enforced', async () => {
  assert.equal(await inside(CURRENT), 'docker-default (enforce)')
  assert.match(readFileSync('/sys/kernel/security/apparmor/profiles', 'utf8'), /^docker-default /m)
})

test('it denies mounts to those who have the capability for them', async () => {
  const options = { CapAdd: ['SYS_ADMIN'], SecurityOpt: ['seccomp=unconfined'] }
  assert.match(await inside('mount -t tmpfs x /tmp', options), /denied/)
  const free = { ...options, SecurityOpt: [...options.SecurityOpt, 'apparmor=unconfined'] }
  assert.equal(await inside('mount -t tmpfs x /tmp && echo mounted', free), 'mounted')
})

test('ordinary work goes on under it', async () => {
  const script = 'echo x > /tmp/f && cat /tmp/f; sleep 1000 & kill $!; wait $!; echo $?'
  // The shell's word on stderr may come anywhere among the lines of stdout.
  const lines = (await inside(script)).split('\n').filter((line) => line !== 'Terminated')
  assert.deepEqual(lines, ['x', '143'])
})

test('privileged containers and those that ask for it are unconfined', async () => {
  assert.equal(await inside(CURRENT, { Privileged: true }), 'unconfined')
  assert.equal(await inside(CURRENT, { SecurityOpt: ['apparmor=unconfined'] }), 'unconfined')
})

test('an exec is confined as its container, also a privileged one', async () => {
  const id = await daemon.run({ Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none' } })
  for (const flags of [[], ['--privileged']]) {
    const said = await daemon.docker('exec', ...flags, id, 'cat', '/proc/self/attr/current')
    assert.equal(said.stdout.trim(), 'docker-default (enforce)', said.stderr)
  }
  const { body } = await daemon.api.get<{ AppArmorProfile: string }>(`/containers/${id}/json`)
  assert.equal(body.AppArmorProfile, 'docker-default')
})

test('a profile the kernel does not have is an error of the start', async () => {
  await assert.rejects(
    inside('true', { SecurityOpt: ['apparmor=no-such-profile'] }),
    /start: 400 .*unable to apply apparmor profile: .*no such file or directory/,
  )
})

test('a profile of the user’s own: the container, its execs, what inspect shows', async () => {
  const profile = `profile tdocker-guest flags=(attach_disconnected) {
    file, capability, signal, network, deny /etc/passwd r,
  }`
  const loaded = spawnSync('apparmor_parser', ['-Kr'], { input: profile, encoding: 'utf8' })
  assert.equal(loaded.status, 0, loaded.stderr)
  const id = await daemon.run({
    Cmd: ['sleep', '1000'],
    HostConfig: { NetworkMode: 'none', SecurityOpt: ['apparmor=tdocker-guest'] },
  })
  const { body } = await daemon.api.get<{ AppArmorProfile: string }>(`/containers/${id}/json`)
  assert.equal(body.AppArmorProfile, 'tdocker-guest')
  const said = await daemon.docker('exec', id, 'sh', '-c', `${CURRENT}; cat /etc/passwd`)
  assert.equal(said.stdout, 'tdocker-guest (enforce)\n', said.stderr)
  assert.match(said.stderr, /Permission denied/)
})

test('info says so', async () => {
  const { body } = await daemon.api.get<{ SecurityOptions: string[] }>('/info')
  assert.deepEqual(body.SecurityOptions, [
    'name=apparmor',
    'name=seccomp,profile=builtin',
    'name=cgroupns',
  ])
})
