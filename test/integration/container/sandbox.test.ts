/** What a process finds inside a default container: the sandbox a user relies on. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

/** Runs a shell script in a fresh container; answers its output. */
async function inside(
  script: string,
  hostConfig: object = {},
  config: object = {},
): Promise<string> {
  const id = await daemon.run({
    Cmd: ['sh', '-c', script],
    HostConfig: { NetworkMode: 'none', ...hostConfig },
    ...config,
  })
  await daemon.wait(id)
  const output = await daemon.logs(id)
  await daemon.api.delete(`/containers/${id}`)
  return output
}

const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers')

test('own pid 1, host name, network and mounts', async () => {
  const output = await inside(
    'echo $$; hostname; ls /sys/class/net; cat /proc/mounts | head -1',
    {},
    {
      Hostname: 'box',
    },
  )
  const [pid, hostname, ...rest] = output.trim().split('\n')
  assert.equal(pid, '1')
  assert.equal(hostname, 'box')
  assert.deepEqual(rest.slice(0, -1), ['lo'])
  assert.match(rest.at(-1)!, / \/ overlay rw/)
})

test('namespaces are its own, the cgroup one by the default of this cgroup version', async () => {
  const output = await inside(
    'for ns in mnt pid net uts ipc cgroup; do readlink /proc/self/ns/$ns; done',
  )
  const own = output.trim().split('\n')
  const { readlinkSync } = await import('node:fs')
  const host = ['mnt', 'pid', 'net', 'uts', 'ipc', 'cgroup'].map((ns) =>
    readlinkSync(`/proc/self/ns/${ns}`),
  )
  for (let i = 0; i < 5; i++) assert.notEqual(own[i], host[i])
  if (isV2) assert.notEqual(own[5], host[5])
  else assert.equal(own[5], host[5])
})

test('14 capabilities, none inheritable or ambient, seccomp filter on', async () => {
  const output = await inside('grep -E "^(Cap|Seccomp:|NoNewPrivs)" /proc/self/status')
  const fields = new Map(
    output
      .trim()
      .split('\n')
      .map((line) => line.split(/:\s+/) as [string, string]),
  )
  for (const set of ['CapPrm', 'CapEff', 'CapBnd'])
    assert.equal(fields.get(set), '00000000a80425fb')
  for (const set of ['CapInh', 'CapAmb']) assert.equal(fields.get(set), '0000000000000000')
  assert.equal(fields.get('Seccomp'), '2')
  assert.equal(fields.get('NoNewPrivs'), '0')
})

test('a user of its own keeps the bounding set and loses the rest', async () => {
  const output = await inside(
    'id; grep -E "^Cap(Eff|Prm|Bnd)" /proc/self/status',
    {},
    { User: 'daemon' },
  )
  assert.match(output, /uid=1\(daemon\) gid=1\(daemon\) groups=1\(daemon\),50\(staff\)/)
  assert.match(
    output,
    /CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb/,
  )
})

test('no descriptor but 0, 1 and 2', async () => {
  // `ls` is a child of its own; the shell, pid 1, waits for it.
  assert.equal(await inside('ls /proc/1/fd; true'), '0\n1\n2\n')
})

test('masked paths are empty, kernel settings read-only', async () => {
  const output = await inside(`
    for path in /proc/keys /proc/timer_list /proc/interrupts /proc/kcore; do
      [ -e $path ] && wc -c < $path; done
    for path in /proc/acpi /proc/scsi /sys/firmware; do [ -e $path ] && ls $path | wc -l; done
    echo 1 > /proc/sys/kernel/domainname || echo refused
    echo b > /proc/sysrq-trigger || echo refused
    touch /sys/fs/cgroup/x || echo refused
    touch /proc/bus/x || echo refused`)
  const lines = output.split('\n').filter((line) => /^(\d+|refused)$/.test(line))
  assert.equal(lines.filter((line) => line === 'refused').length, 4)
  for (const line of lines) assert.ok(line === '0' || line === 'refused', output)
})

test('system calls out of the profile are refused', async () => {
  const output = await inside(`
    unshare -U true 2>&1 || echo no-userns
    mount -t tmpfs none /tmp 2>&1 || echo no-mount
    dmesg >/dev/null 2>&1 || echo no-dmesg
    mknod /tmp/disk b 8 0 && dd if=/tmp/disk of=/dev/null count=1 2>&1 || echo no-disk`)
  for (const word of ['no-userns', 'no-mount', 'no-dmesg', 'no-disk'])
    assert.match(output, new RegExp(word))
})

test('privileged lifts it, read-only root forbids writing', async () => {
  const output = await inside(
    'grep -E "^(CapEff|Seccomp:)" /proc/self/status; touch /x 2>/dev/null || echo ro; mount | grep -c " / .*ro,"',
    {
      Privileged: true,
      ReadonlyRootfs: true,
    },
  )
  const own = readFileSync('/proc/self/status', 'utf8').match(/^CapBnd:\s+(\w+)/m)![1]
  assert.match(output, new RegExp(`CapEff:\\s+${own}`))
  assert.match(output, /Seccomp:\s+0/)
  assert.match(output, /ro\n1/)
})

test('environment, working directory and entry point', async () => {
  const output = await inside(
    '',
    {},
    {
      Entrypoint: ['sh', '-c'],
      Cmd: ['pwd; env | sort'],
      Env: ['A=1', 'B=x y'],
      WorkingDir: '/made/up',
      Hostname: 'h',
    },
  )
  assert.equal(
    output,
    '/made/up\nA=1\nB=x y\nHOME=/root\nHOSTNAME=h\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/made/up\nSHLVL=1\n',
  )
})

test('memory, cpu and pids limits stand in the cgroup and bite', async () => {
  const limits = { Memory: 32 << 20, NanoCpus: 500_000_000, PidsLimit: 20, CpusetCpus: '0' }
  const files = isV2
    ? 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpuset.cpus'
    : 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max cpuset/cpuset.cpus'
  const output = await inside(
    `${files}\nfor i in $(seq 40); do sleep 1 & done 2>&1 | head -c 300; wait`,
    limits,
  )
  assert.match(output, isV2 ? /^33554432\n50000 100000\n20\n0\n/ : /^33554432\n50000\n20\n0\n/)
  assert.match(output, /can't fork|Resource temporarily unavailable/)
})

test('an OOM kill is told: exit 137, OOMKilled, the event', async () => {
  const id = await daemon.run({
    Cmd: ['sh', '-c', 'dd if=/dev/zero of=/dev/null bs=200M count=1'],
    HostConfig: { NetworkMode: 'none', Memory: 16 << 20, MemorySwap: 16 << 20 },
  })
  assert.equal(await daemon.wait(id), 137)
  const { body } = await daemon.api.get<{ State: { OOMKilled: boolean; ExitCode: number } }>(
    `/containers/${id}/json`,
  )
  assert.deepEqual([body.State.OOMKilled, body.State.ExitCode], [true, 137])
  const events = await daemon.api.get(
    `/events?since=0&until=${Math.ceil(Date.now() / 1000)}&filters={"container":["${id}"]}`,
  )
  assert.match(events.text, /"Action":"oom"/)
})
