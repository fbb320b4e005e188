import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, it } from 'node:test'
import { FakeNative } from '../fake-native.ts'
import { KernelError } from '../native.ts'
import { NativeShimLauncher } from './launcher.ts'
import type { LaunchPlan } from './plan.ts'
import { LaunchError } from './shim.ts'
import type { ShimProcess } from './shim.ts'

const dir = mkdtempSync(join(tmpdir(), 'tdocker-launcher-'))
after(() => rmSync(dir, { recursive: true }))

const exitFile = join(dir, 'exit')
const plan: LaunchPlan = {
  name: 'abc',
  shim: { socket: '/run/s', exitFile, cgroupProcs: [] },
  stdio: { tty: false, stdin: 'null', stdinOnce: false },
  log: { driver: 'none' },
  clients: [],
  hold: [],
  target: { kind: 'enter', pidfd: 0, cgroupProcs: [] },
  process: {
    argv: ['true'],
    env: [],
    cwd: '/',
    uid: 0,
    gid: 0,
    groups: [],
    capabilities: { bounding: [], effective: [], permitted: [], ambient: [] },
    noNewPrivileges: false,
    rlimits: [],
    keyring: false,
  },
}
const client = {
  stdin: true,
  stdout: false,
  stderr: true,
  detachKeys: [16, 17],
  head: Buffer.from('x\0y'),
}

let fake: FakeNative
let launcher: NativeShimLauncher
let notifyFd: number

beforeEach(() => {
  rmSync(exitFile, { force: true })
  fake = new FakeNative()
  launcher = new NativeShimLauncher({ native: fake.native, shimPath: '/shim' })
  fake.stub('launchShim', async () => {
    notifyFd = fake.openFd()
    return { pid: 77, pidfd: fake.openFd(), notifyFd }
  })
})

/** Launches, with the shim saying these lines. */
async function launch(...lines: string[]): Promise<ShimProcess> {
  const launched = launcher.launch(plan, [9])
  await new Promise((resolve) => setImmediate(resolve))
  for (const line of lines) fake.push(notifyFd, line)
  return launched
}

void describe('launch', () => {
  void it('hands plan and descriptors over, and keeps only the notify pipe', async () => {
    const shim = await launch('started 1234\n')
    assert.deepEqual([shim.pid, shim.shimPid], [1234, 77])
    const [[o] = []] = fake.callsOf('launchShim')
    assert.deepEqual([o?.path, o?.name, o?.fds], ['/shim', 'abc', [9]])
    assert.deepEqual([...fake.openFds], [notifyFd])
    shim.close()
    assert.equal(fake.openFds.size, 0)
  })

  void it('reads a line that comes in pieces', async () => {
    assert.equal((await launch('star', 'ted 1', '234\n')).pid, 1234)
  })

  void it('throws stage and errno, and leaves nothing open', async () => {
    await assert.rejects(
      launch('failed mount /a b 13\n'),
      (error) => error instanceof LaunchError && error.stage === 'mount /a b' && error.errno === 13,
    )
    assert.equal(fake.openFds.size, 0)
  })

  void it('throws when the shim dies without a word', async () => {
    const launched = launch()
    await new Promise((resolve) => setImmediate(resolve))
    fake.end(notifyFd)
    await assert.rejects(
      launched,
      (error) => error instanceof LaunchError && error.stage === 'shim',
    )
    assert.equal(fake.openFds.size, 0)
  })

  void it('reports detaches and the exit, and then holds nothing', async () => {
    const shim = await launch('started 1\n')
    let detached = 0
    shim.onDetach(() => detached++)
    fake.push(notifyFd, 'detached\ndetached\nexited 137 9 55\n')
    assert.deepEqual(await shim.exited, { exitCode: 137, signal: 9, finishedAtNs: 55n })
    assert.equal(detached, 2)
    assert.equal(fake.openFds.size, 0)
  })

  void it('knows no exit of a shim that died, unless it left a record', async () => {
    const first = await launch('started 1\n')
    fake.end(notifyFd)
    assert.equal(await first.exited, undefined)
    writeFileSync(exitFile, '1 4 0 99\n')
    const second = await launch('started 1\n')
    fake.end(notifyFd)
    assert.equal((await second.exited)?.exitCode, 4)
  })

  void it('knows no exit when the record cannot be read', async () => {
    writeFileSync(exitFile, 'garbage')
    const shim = await launch('started 1\n')
    fake.end(notifyFd)
    assert.equal(await shim.exited, undefined)
  })
})

void describe('a live shim', () => {
  void it('is sent clients with what had been read ahead', async () => {
    const shim = await launch('started 1\n')
    fake.stub('shimRequest', async () => Buffer.from('OK\x004711\0'))
    assert.deepEqual(await shim.attach(client, 42), { logOffset: 4711 })
    const [[o] = []] = fake.callsOf('shimRequest')
    assert.equal(o?.path, '/run/s')
    assert.deepEqual(o?.fds, [42])
    assert.equal(Buffer.from(o?.message ?? []).toString(), 'attach\0ie\x001011\0x\0y')
    shim.close()
  })

  void it('is resized', async () => {
    const shim = await launch('started 1\n')
    fake.stub('shimRequest', async () => Buffer.from('OK\0'))
    await shim.resize(24, 80)
    const [[o] = []] = fake.callsOf('shimRequest')
    assert.equal(Buffer.from(o?.message ?? []).toString(), 'resize\x0024\x0080\0')
    shim.close()
  })

  void it('passes an error on as the kernel names it', async () => {
    const shim = await launch('started 1\n')
    fake.stub('shimRequest', async () => Buffer.from('ERR\x0025\0'))
    await assert.rejects(
      shim.resize(1, 1),
      (error) => error instanceof KernelError && error.code === 'ENOTTY' && error.errno === 25,
    )
    shim.close()
  })
})

void describe('adopt', () => {
  const files = { socket: '/run/s', exitFile }

  void it('asks the shim who it is and gives it a pipe to report to', async () => {
    fake.stub('shimRequest', async () => Buffer.from('OK\x0012\x0034\0'))
    const shim = await launcher.adopt(files)
    assert.deepEqual([shim?.pid, shim?.shimPid], [12, 34])
    const [[o] = []] = fake.callsOf('shimRequest')
    assert.equal(Buffer.from(o?.message ?? []).toString(), 'notify\0')
    const [readEnd] = fake.openFds
    assert.equal(fake.openFds.size, 1)
    fake.push(readEnd ?? -1, 'exited 0 0 1\n')
    assert.equal((await shim?.exited)?.exitCode, 0)
  })

  for (const code of ['ENOENT', 'ECONNREFUSED'])
    void it(`finds none for ${code}`, async () => {
      fake.fail('shimRequest', code)
      assert.equal(await launcher.adopt(files), undefined)
      assert.equal(fake.openFds.size, 0)
    })

  void it('finds none when the shim ends while it is asked', async () => {
    fake.stub('shimRequest', async () => Buffer.alloc(0))
    assert.equal(await launcher.adopt(files), undefined)
    assert.equal(fake.openFds.size, 0)
  })

  void it('does not take a time-out for an absence', async () => {
    fake.fail('shimRequest', 'ETIMEDOUT', 110)
    await assert.rejects(launcher.adopt(files), { code: 'ETIMEDOUT' })
    assert.equal(fake.openFds.size, 0)
  })
})

void describe('readExitRecord', () => {
  void it('finds none where there is no file', async () => {
    assert.equal(await launcher.readExitRecord(join(dir, 'none')), undefined)
  })
})
