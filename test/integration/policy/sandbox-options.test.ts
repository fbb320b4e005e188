/** What `docker run`'s options of confinement do to a process, seen from inside. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'

import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

async function inside(script: string, hostConfig: object = {}, config: object = {}) {
  const id = await daemon.run({
    ...config,
    Cmd: ['sh', '-c', script],
    HostConfig: { NetworkMode: 'none', ...hostConfig },
  })
  await daemon.wait(id)
  const output = (await daemon.logs(id)).trim()
  await daemon.api.delete(`/containers/${id}`)
  return output
}

test('sysctls: Docker’s own and the user’s', async () => {
  const output = await inside(
    `cd /proc/sys; cat net/ipv4/ip_forward kernel/shmmax net/ipv4/ping_group_range \
      net/ipv4/ip_unprivileged_port_start`,
    { Sysctls: { 'net.ipv4.ip_forward': '1', 'kernel.shmmax': '12345' } },
  )
  assert.equal(output, '1\n12345\n0\t2147483647\n0')
})

test('a sysctl of the host is refused', async () => {
  const Sysctls = { 'net/../kernel/core_pattern': 'x' }
  await assert.rejects(inside('true', { Sysctls }), /start: 500 .*separate kernel namespace/)
})

test('read-only root with a tmpfs of the user’s', async () => {
  const output = await inside(
    'mount | grep " /run "; touch /run/x && echo ok; touch /y || echo ro',
    {
      ReadonlyRootfs: true,
      Tmpfs: { '/run': 'size=1m,exec,mode=700' },
    },
  )
  assert.match(
    output,
    /^tmpfs on \/run type tmpfs \(rw,nosuid,nodev,relatime,size=1024k,mode=700(,inode64)?\)\nok\n/,
  )
  assert.match(output, /^ro$/m)
})

test('--device gives a node and leave to use it, for what was named', async () => {
  const Devices = [
    { PathOnHost: '/dev/loop-control', PathInContainer: '/dev/x', CgroupPermissions: 'r' },
  ]
  const output = await inside('(: < /dev/x) && echo read; (: <> /dev/x) || echo no-write', {
    Devices,
  })
  assert.match(output, /^read\n/)
  assert.match(output, /no-write/)
})

test('capabilities, no-new-privileges and rlimits', async () => {
  const output = await inside(
    'grep -E "^(NoNewPrivs|CapEff|CapBnd|Seccomp):" /proc/self/status; ulimit -n; ulimit -Hn',
    {
      SecurityOpt: ['no-new-privileges'],
      CapDrop: ['ALL'],
      CapAdd: ['NET_ADMIN'],
      Ulimits: [{ Name: 'nofile', Soft: 100, Hard: 200 }],
    },
  )
  const fields = output.replaceAll(/\t/g, '').split('\n')
  assert.deepEqual(fields, [
    'CapEff:0000000000001000',
    'CapBnd:0000000000001000',
    'NoNewPrivs:1',
    'Seccomp:2',
    '100',
    '200',
  ])
})

test('a seccomp profile of the user’s', async () => {
  const profile = JSON.stringify({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
  })
  const output = await inside('mkdir /q 2>/dev/null || echo denied', {
    SecurityOpt: [`seccomp=${profile}`],
  })
  assert.equal(output, 'denied')
})

test('user, group and --group-add are those of the image’s files', async () => {
  const output = await inside(
    'id -u; id -g; echo $HOME; grep Groups /proc/self/status; pwd',
    { GroupAdd: ['27'] },
    { User: 'daemon:staff', WorkingDir: '/made/for/it' },
  )
  assert.match(output, /^1\n50\n.*\nGroups:\t27 50 \n\/made\/for\/it$/)
  await assert.rejects(
    inside('true', {}, { User: 'nosuch' }),
    /start: 500 .*unable to find user nosuch: no matching entries in passwd file/,
  )
  await assert.rejects(
    inside('true', {}, { User: '4294967296' }),
    /start: 500 .*uids and gids must be in range 0-2147483647/,
  )
})

test('host modes show the host', async () => {
  const output = await inside('for ns in pid ipc uts; do readlink /proc/self/ns/$ns; done', {
    PidMode: 'host',
    IpcMode: 'host',
    UTSMode: 'host',
  })
  const { readlinkSync } = await import('node:fs')
  const own = ['pid', 'ipc', 'uts'].map((name) => readlinkSync(`/proc/self/ns/${name}`))
  assert.deepEqual(output.split('\n'), own)
})

test('container: modes share pid, network and IPC, /dev/shm included', async () => {
  const donor = await daemon.run({
    Cmd: ['sh', '-c', 'echo shared > /dev/shm/note; sleep 1000'],
    HostConfig: { NetworkMode: 'none', IpcMode: 'shareable' },
  })
  const mode = `container:${donor}`
  const output = await inside(
    'until [ -s /dev/shm/note ]; do :; done; cat /dev/shm/note; tr "\\0" " " < /proc/1/cmdline',
    { PidMode: mode, IpcMode: mode, NetworkMode: mode },
  )
  assert.match(output, /^shared\nsleep 1000/)
  const lonely = await daemon.run({ Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none' } })
  await assert.rejects(inside('true', { IpcMode: `container:${lonely}` }), /non-shareable IPC/)
})

test('privileged: devices, writable cgroups, no filter', async () => {
  const output = await inside(
    'ls /dev/kmsg; mkdir /sys/fs/cgroup/*emory/sub 2>/dev/null || mkdir /sys/fs/cgroup/sub; echo $?; grep Seccomp: /proc/self/status',
    { Privileged: true },
  )
  assert.equal(output, '/dev/kmsg\n0\nSeccomp:\t0')
})

test('a profile of a security module that the kernel lacks is ignored, as Docker does', async () => {
  const SecurityOpt = ['apparmor=mine', 'label=type:x_t']
  const enabled = '/sys/module/apparmor/parameters/enabled'
  if (existsSync('/sys/fs/selinux/enforce') || existsSync(enabled)) return
  assert.equal(await inside('echo runs', { SecurityOpt }), 'runs')
})

test('sysctls of the host stay out of reach through a container that shares its network', async () => {
  const donor = await daemon.run({
    Cmd: ['sleep', '1000'],
    HostConfig: { NetworkMode: 'host', IpcMode: 'host' },
  })
  const both = { NetworkMode: `container:${donor}`, IpcMode: `container:${donor}` }
  for (const key of ['net.ipv4.ip_forward', 'kernel.shmmax'])
    await assert.rejects(
      inside('true', { ...both, Sysctls: { [key]: '1' } }),
      /start: 500 .*host.* namespace/,
    )
})
