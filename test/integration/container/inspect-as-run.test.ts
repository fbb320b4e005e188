/** `inspect --as run`: the line that is printed makes the same container again. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ContainerInspectResponse, ImageInspect, SystemInfo } from '@tdocker/api'
import { asRun } from '../../../packages/cli/format/as-run/as-run.ts'
import { TestDaemon } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const cli = new URL('../../../packages/cli/main.ts', import.meta.url).pathname

/** Runs a line in which `tdocker` is the program; answers its stdout. */
async function shell(line: string): Promise<string> {
  const script = `tdocker() { '${process.execPath}' -- '${cli}' "$@"; }\n${line}`
  const { status, stdout, stderr } = await daemon.command('sh', ['-c', script])
  assert.equal(status, 0, `${line}\n${stderr}`)
  return stdout
}

const inspect = async (name: string): Promise<ContainerInspectResponse> =>
  (await daemon.api.get<ContainerInspectResponse>(`/containers/${name}/json`)).body

/** What the verb prints, without the time of starting a program. */
async function lineOf(container: ContainerInspectResponse): Promise<string> {
  const { body: image } = await daemon.api.get<ImageInspect>('/images/busybox/json')
  const { body: info } = await daemon.api.get<SystemInfo>('/info')
  return asRun('tdocker', container, image.Config ?? {}, {
    runtime: info.DefaultRuntime ?? '',
    logDriver: info.LoggingDriver ?? '',
    cgroupns: info.CgroupVersion === '1' ? 'host' : 'private',
  })
}

const lines: readonly string[] = [
  `busybox`,
  `busybox sh -c "echo it's \\$HOME; sleep 0"`,
  `-it -e A=1 -e 'B=two words' -e EMPTY= -l a=b -l 'c=d e' -w /tmp -u 1:2 -h host --domainname dom busybox true`,
  `--entrypoint sh busybox -c 'exit 0'`,
  `--stop-signal USR1 --stop-timeout 3 --init --group-add 5 --group-add audio busybox true`,
  `-m 64m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 --pids-limit 20 --oom-score-adj 100 --ulimit nofile=64:128 --ulimit core=0 busybox true`,
  `-m 64m --memory-swap 100m --memory-swappiness 10 --cpu-period 50000 --cpu-quota 20000 busybox true`,
  `-v /tmp:/host:ro -v named:/data -v /anon --tmpfs /t:size=1m --shm-size 8m --read-only busybox true`,
  `--mount type=bind,src=/tmp,dst=/b,readonly,bind-propagation=rslave --mount type=volume,src=mm,dst=/m,volume-nocopy --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770 busybox true`,
  `-v /tmp:/c:idmap --mount type=bind,src=/tmp,dst=/b,idmap=uids=0-1-1 --mount type=bind,src=/tmp,dst=/d,idmap busybox true`,
  `-p 127.0.0.1:28301:80 -p 28302:81/udp -p 82 --expose 99 -P busybox true`,
  `--network none --dns 10.0.0.1 --dns-search example.com --dns-option ndots:2 --add-host a:10.0.0.2 busybox true`,
  `--network host --uts host --pid host --ipc host --cgroupns host busybox true`,
  `--cap-add NET_ADMIN --cap-drop ALL --security-opt no-new-privileges --security-opt seccomp=unconfined --security-opt systempaths=unconfined --sysctl net.core.somaxconn=512 busybox true`,
  `--privileged --device /dev/null:/dev/other:r --device-cgroup-rule 'c 1:3 mr' busybox true`,
  `--restart on-failure:3 --log-driver json-file --log-opt max-size=1m --annotation x=y busybox true`,
  `--health-cmd 'exit 0' --health-interval 1m30s --health-retries 2 --health-timeout 500ms busybox true`,
  `--no-healthcheck --log-driver none -a stdout busybox true`,
]

for (const [index, line] of lines.entries())
  test(`run ${line}`, async () => {
    const name = `as${index}`
    await shell(`tdocker create --name ${name} ${line}`)
    const first = await inspect(name)
    const printed = await lineOf(first)
    await daemon.api.delete(`/containers/${name}?force=1&v=1`)
    // The same way as the first one was made: what is compared is what is stored.
    assert.match(printed, /^tdocker run /)
    await shell(printed.replace(/^tdocker run /, 'tdocker create ').replace(' --detach', ''))
    const second = await inspect(name)
    assert.deepEqual(comparable(second), comparable(first), printed)
    assert.equal(await lineOf(second), printed)
    await daemon.api.delete(`/containers/${name}?force=1&v=1`)
  })

function comparable({ Id, Config, HostConfig, Mounts, NetworkSettings }: ContainerInspectResponse) {
  const Hostname = Config.Hostname === Id.slice(0, 12) ? '' : Config.Hostname
  const mounts = Mounts.map(({ Destination, Type, RW, Propagation, Name = '', Source }) => ({
    Destination,
    Type,
    RW,
    Propagation,
    // Anonymous volumes have other names each time.
    from: /^[0-9a-f]{64}$/.test(Name) ? '' : `${Name}${Source}`,
  }))
  return {
    Config: { ...Config, Hostname },
    HostConfig,
    mounts,
    ...Object.keys(NetworkSettings.Networks),
  }
}

test('only what differs; a detached one says so; several are a line each', async () => {
  await shell('tdocker run -d --name d1 busybox true; tdocker create --name d2 busybox echo "a b"')
  assert.equal(
    await shell('tdocker container inspect --as run d1 d2'),
    "tdocker run --name d1 --detach busybox true\ntdocker run --name d2 busybox echo 'a b'\n",
  )
})

test('refusals', async () => {
  const run = (...args: string[]) =>
    daemon.command(process.execPath, ['--', cli, 'inspect', ...args, 'x'])
  assert.equal((await run('--as', 'compose')).stderr, 'unknown form: "compose": must be "run"\n')
  assert.match((await run('--as', 'run', '-f', '{{.Id}}')).stderr, /cannot specify both --as/)
  assert.equal(
    (await run('--as', 'run')).stderr,
    'Error response from daemon: No such container: x\n',
  )
})
