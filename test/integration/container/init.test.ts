/** `Init`: pid 1 of a container is the engine's own small init. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { shimPath } from '@tdocker/kernel'
import { TestDaemon, until } from '../../lib/test-daemon.ts'

let daemon: TestDaemon
before(async () => (daemon = await TestDaemon.start()))
after(() => daemon[Symbol.asyncDispose]())

const host = { NetworkMode: 'none', Init: true }
const start = (script: string, o: object = {}, hostConfig: object = {}): Promise<string> =>
  daemon.run({ Cmd: ['sh', '-c', script], ...o, HostConfig: { ...host, ...hostConfig } })

async function outputOf(id: string): Promise<string> {
  await daemon.wait(id)
  return daemon.logs(id)
}

const sum = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')

test('pid 1 is /sbin/docker-init -- command', async () => {
  const id = await start("tr '\\0' ' ' < /proc/1/cmdline; cat /proc/1/comm; exit 7")
  assert.equal(await daemon.wait(id), 7)
  assert.match(await daemon.logs(id), /^\/sbin\/docker-init -- sh -c .* docker-init\n$/s)
})

test('orphans are reaped', async () => {
  const id = await start(`
    sh -c 'sleep 0.1 & sleep 0.2 & sleep 0.1 &'
    sleep 1; ps -o stat,comm | grep -c '^Z' ; ps -o stat | grep -c .`)
  assert.match(await outputOf(id), /^0\n/)
})

test('signals go to the program, which may answer them; what kills it is the exit code', async () => {
  const id = await start("trap 'echo got; exit 3' USR1; echo ready; while :; do sleep 0.1; done")
  await until('the trap', async () => (await daemon.logs(id)).includes('ready'))
  await daemon.api.post(`/containers/${id}/kill?signal=USR1`)
  assert.equal(await daemon.wait(id), 3)
  assert.match(await daemon.logs(id), /got/)
  const asleep = await daemon.run({ Cmd: ['sleep', '1000'], HostConfig: host })
  await daemon.api.post(`/containers/${asleep}/stop`)
  assert.equal(await daemon.wait(asleep), 143)
})

test('a command that is not there: 127, told on standard error', async () => {
  const id = await daemon.run({ Cmd: ['nope'], HostConfig: host })
  assert.equal(await daemon.wait(id), 127)
  assert.match(await daemon.logs(id), /exec nope: No such file or directory/)
  const directory = await daemon.run({ Cmd: ['/etc'], HostConfig: host })
  assert.equal(await daemon.wait(directory), 126)
})

test('with a terminal the program is in the foreground', async () => {
  const id = await start('cat /proc/self/stat', { Tty: true })
  await daemon.wait(id)
  const response = await daemon.api.get(`/containers/${id}/logs?stdout=1`)
  const [pid, , , , group, , , foreground] = response.text.split(' ')
  assert.equal(foreground, group, response.text)
  assert.notEqual(pid, '1')
})

test('nobody in the container writes to it, and nothing of the engine is behind it', async () => {
  const program = join(daemon.execRoot, 'docker-init')
  const attack = `
    for path in /sbin/docker-init /proc/1/exe; do
      ( : >> $path ) 2>/dev/null && echo wrote; ( : > $path ) 2>/dev/null && echo cut
    done; rm -f /sbin/docker-init 2>/dev/null; mount -o remount,rw,bind /sbin/docker-init 2>/dev/null
    ( : >> /proc/1/exe ) 2>/dev/null && echo wrote; echo end`
  const before = [sum(program), sum(shimPath())]
  assert.equal(await outputOf(await start(attack)), 'end\n')
  assert.equal(await outputOf(await start(attack, {}, { Privileged: true })), 'end\n')
  assert.deepEqual([sum(program), sum(shimPath())], before)
})

test('in the host’s pid namespace there is an init already', async () => {
  const id = await start('cat /proc/$PPID/comm', {}, { PidMode: 'host' })
  assert.doesNotMatch(await outputOf(id), /docker-init/)
})

test('the daemon’s default; a container may say no', async () => {
  await using other = await TestDaemon.start({ config: { init: true } })
  const comm = async (hostConfig: object): Promise<string> => {
    const id = await other.run({
      Cmd: ['cat', '/proc/1/comm'],
      HostConfig: { NetworkMode: 'none', ...hostConfig },
    })
    await other.wait(id)
    return other.logs(id)
  }
  assert.equal(await comm({}), 'docker-init\n')
  assert.equal(await comm({ Init: false }), 'cat\n')
})
