import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { patience } from '../../lib/patience.ts'
import { Connection } from './connection.ts'
import { Sandbox, alive } from './fixture.ts'
import type { TestContainer } from './fixture.ts'
import { LaunchError } from '@tdocker/kernel/shim/shim.ts'

void describe('an exec', () => {
  const box = new Sandbox()
  let container: TestContainer

  before(async () => {
    container = await alive(
      box.start({ process: { argv: ['/bin/sh', '-c', 'echo $$ > /tmp/a; exec sleep 1000'] } }),
    )
  })
  after(async () => {
    container.kill()
    await container.ended()
    box[Symbol.dispose]()
  })

  async function sh(script: string, o: object = {}): Promise<string> {
    const exec = await container.exec({ process: { argv: ['/bin/sh', '-c', script], ...o } })
    return (await exec.ended()).stdout
  }

  void it('is in all namespaces of the container, and in its root', async () => {
    const names = ['pid', 'net', 'ipc', 'uts', 'mnt', 'cgroup']
    const script = `for n in ${names.join(' ')}; do
      [ "$(readlink /proc/1/ns/$n)" = "$(readlink /proc/self/ns/$n)" ] || echo $n; done; hostname; ls /`
    const [hostname, ...root] = (await sh(script)).trim().split('\n')
    assert.equal(hostname, 'box')
    assert.ok(root.includes('tmp'))
  })

  void it('has capabilities, descriptors and identity as any process', async () => {
    const out = await sh(
      'grep -E "^Cap(Inh|Eff)" /proc/self/status; ls /proc/$$/fd; id -u; ps | wc -l',
      { uid: 12, gid: 12 },
    )
    assert.match(out, /CapInh:\t0{16}\nCapEff:\t0{16}\n0\n1\n2\n12\n/)
  })

  void it('says which process it is on the host', async () => {
    const exec = await container.exec({ process: { argv: ['/bin/sleep', '1000'] } })
    assert.notEqual(exec.shim.pid, container.shim.pid)
    exec.kill(15)
    const { exit } = await exec.ended()
    assert.deepEqual([exit.signal, exit.exitCode], [15, 143])
  })

  void it('may have a terminal of the container', async () => {
    using connection = new Connection()
    const exec = await container.exec({
      process: { argv: ['/bin/sh', '-c', 'tty; stty size'] },
      stdio: { tty: true, stdin: 'open', stdinOnce: true, consoleSize: [9, 99] },
      fds: [connection.shimFd],
      plan: { clients: [connection.client(1)] },
    })
    await alive(connection.closed)
    assert.match(connection.bytes.toString(), /^\/dev\/pts\/\d\r\n9 99\r\n$/)
    await exec.ended()
  })

  void it('reports a missing command and a missing directory', async () => {
    for (const [process, stage] of [
      [{ argv: ['nothing'] }, 'exec'],
      [{ argv: ['/bin/true'], cwd: '/missing' }, 'cwd'],
    ] as const)
      await assert.rejects(
        alive(container.exec({ process })),
        (error) => error instanceof LaunchError && error.stage === stage && error.errno === 2,
      )
  })

  void it('is refused a directory outside of the root', async () => {
    for (let n = 0; n < 32; n++)
      await assert.rejects(
        alive(container.exec({ process: { cwd: `/proc/self/fd/${n}` } })),
        (error) => error instanceof LaunchError && error.stage === 'cwd',
      )
  })

  void it('is over when its process is, whoever else holds its output', async () => {
    const start = performance.now()
    assert.equal(await sh(`sleep ${5 * patience} & echo there`), 'there\n')
    assert.ok(performance.now() - start < 2000 * patience)
  })

  void it('enters a container that shares namespaces with the host', async () => {
    const namespaces = {
      pid: 'host',
      net: 'host',
      ipc: 'host',
      uts: 'host',
      cgroup: 'host',
    } as const
    const other = await box.start({
      process: { argv: ['/bin/sleep', '1000'] },
      target: { sysctls: [], namespaces },
    })
    const exec = await other.exec({ process: { argv: ['readlink', '/proc/self/ns/pid'] } })
    assert.equal((await exec.ended()).stdout.trim(), readlinkSync('/proc/self/ns/pid'))
    other.kill()
    await other.ended()
  })

  void it('ends with its container', async () => {
    const other = await box.start({ process: { argv: ['/bin/sleep', '1000'] } })
    const exec = await other.exec({ process: { argv: ['/bin/sleep', '1000'] } })
    other.kill()
    assert.equal((await exec.ended()).exit.exitCode, 137)
    await other.ended()
  })

  void it('cannot see the file of the shim that makes it', async () => {
    // One process of the container watches for others' /proc/PID/exe while execs come in.
    const watch = `while :; do for p in /proc/[0-9]*; do
      x=$(readlink $p/exe) && case $x in *shim*) echo $x >> /tmp/seen;; esac
      cat $p/exe 2>/dev/null | head -c 4 >/dev/null; done; done`
    const watcher = await container.exec({ process: { argv: ['/bin/sh', '-c', watch] } })
    for (let i = 0; i < 50; i++) await sh('true')
    watcher.kill()
    await watcher.ended()
    assert.equal(await sh('cat /tmp/seen'), '')
  })
})
