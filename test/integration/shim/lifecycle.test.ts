import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { patience } from '../../lib/patience.ts'
import { Connection } from './connection.ts'
import { Sandbox, alive, launcher, native } from './fixture.ts'

const box = new Sandbox()
after(() => box[Symbol.dispose]())

/** kB. */
function memory(pid: number, field: 'Pss' | 'Pss_Anon'): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1])
}

function processCount(): number {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length
}

const sleeper = { process: { argv: ['/bin/sleep', '1000'] } }

void describe('a shim', () => {
  void it('is found again by its socket, and reports the exit to whoever asked', async () => {
    const container = await box.start(sleeper)
    const { socket, exitFile } = container.plan.shim
    container.shim.close()
    const adopted = await alive(launcher.adopt({ socket, exitFile }))
    assert.equal(adopted?.pid, container.shim.pid)
    assert.equal(adopted.shimPid, container.shim.shimPid)
    const again = await alive(launcher.adopt({ socket, exitFile }))
    container.kill()
    assert.equal((await alive(adopted.exited))?.exitCode, 137)
    const exit = await alive(again?.exited ?? Promise.resolve(undefined))
    assert.deepEqual(await launcher.readExitRecord(exitFile), exit)
    assert.equal(existsSync(socket), false)
    assert.equal(await launcher.adopt({ socket, exitFile }), undefined)
  })

  void it('has no exit record while its process runs', async () => {
    const container = await box.start(sleeper)
    assert.equal(await launcher.readExitRecord(container.plan.shim.exitFile), undefined)
    container.kill()
    await container.ended()
  })

  void it('that is killed says nothing', async () => {
    const container = await box.start(sleeper)
    process.kill(container.shim.shimPid, 'SIGKILL')
    assert.equal(await alive(container.shim.exited), undefined)
    container.kill()
  })

  void it('is not ended by the signals that end a daemon', async () => {
    const container = await box.start(sleeper)
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGPIPE'] as const)
      process.kill(container.shim.shimPid, signal)
    const { socket, exitFile } = container.plan.shim
    const adopted = await alive(launcher.adopt({ socket, exitFile }))
    assert.equal(adopted?.pid, container.shim.pid)
    adopted.close()
    container.kill()
    await container.ended()
  })

  void it('has a socket for root alone, and its container no door to it', async () => {
    const container = await box.start(sleeper)
    assert.equal(statSync(container.plan.shim.socket).mode & 0o777, 0o600)
    assert.equal(
      readFileSync(`/proc/${container.shim.shimPid}/comm`, 'utf8').trim(),
      container.plan.name.slice(0, 15),
    )
    container.kill()
    await container.ended()
  })

  void it('keeps reserved descriptors as long as it lives', async () => {
    const number = 20_000 + (process.pid % 10_000)
    const port = native.bindPort({ protocol: 'tcp', address: '127.0.0.1', port: number })
    const container = await box.start({ ...sleeper, fds: [port], plan: { hold: [1] } })
    native.closeFd(port)
    const bindAgain = (): number =>
      native.bindPort({ protocol: 'tcp', address: '127.0.0.1', port: number })
    assert.throws(bindAgain, { code: 'EADDRINUSE' })
    container.kill()
    await container.ended()
    const deadline = Date.now() + 5000 * patience
    while (existsSync(`/proc/${container.shim.shimPid}`) && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 1))
    native.closeFd(bindAgain())
  })

  void it('takes little memory while it idles', async () => {
    const containers = []
    for (let i = 0; i < 20; i++) containers.push(await box.start(sleeper))
    const [first] = containers
    const idle = memory(first?.shim.shimPid ?? 0, 'Pss')
    using connection = new Connection()
    await first?.shim.attach(connection.live(), connection.shimFd)
    const watched = memory(first?.shim.shimPid ?? 0, 'Pss')
    for (const container of containers) container.kill()
    await Promise.all(containers.map((container) => container.ended()))
    console.log(`      idle ${idle} kB PSS, with a client ${watched} kB`)
    assert.ok(idle <= 150, `${idle} kB idle`)
    assert.ok(watched <= 180, `${watched} kB attached`)
  })

  void it('gives back what a burst of output took', { timeout: 10_000 * patience }, async () => {
    const container = await box.start({
      process: { argv: ['/bin/sh', '-c', 'seq 1 300000; exec sleep 1000'] },
    })
    const deadline = Date.now() + 5000 * patience
    const size = (): number => memory(container.shim.shimPid, 'Pss_Anon')
    const busy = (): boolean =>
      readFileSync(`/proc/${container.shim.pid}/comm`, 'utf8') !== 'sleep\n'
    while (busy()) await new Promise((resolve) => setTimeout(resolve, 10))
    while (size() > 150 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50))
    assert.ok(size() <= 150, `${size()} kB`)
    container.kill()
    await container.ended()
  })
})

void it('a thousand launches leave nothing behind', { timeout: 120_000 * patience }, async () => {
  using own = new Sandbox()
  const plain = { plan: { log: { driver: 'none' } as const } }
  await own.run(['/bin/true'], plain)
  const before = { fds: readdirSync('/proc/self/fd').length, processes: processCount() }
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  for (let i = 0; i < 250; i++) {
    const ended = await Promise.all([1, 2, 3, 4].map(() => own.run(['/bin/true'], plain)))
    assert.ok(ended.every(({ exit }) => exit.exitCode === 0))
  }
  const deadline = Date.now() + 5000 * patience
  const settled = (): boolean =>
    processCount() <= before.processes + 5 && readdirSync('/proc/self/fd').length <= before.fds + 2
  while (!settled() && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10))
  assert.ok(processCount() <= before.processes + 5)
  assert.ok(readdirSync('/proc/self/fd').length <= before.fds + 2)
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), mounts)
  assert.deepEqual(
    readdirSync(own.dir).filter((name) => name.endsWith('.sock')),
    [],
  )
})
