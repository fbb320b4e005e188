import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'

import { loadNative } from '@tdocker/kernel/load-native.ts'

import { holding, readToEnd, scratchDir } from './scratch.ts'

const native = loadNative()
const SIGTERM = 15

// uv_poll handles do not keep a process alive: something has to, while a test waits.
let alive: NodeJS.Timeout
before(() => {
  alive = setInterval(() => {}, 1000)
})
after(() => clearInterval(alive))

/** Launches `sh SCRIPT` in the place of a shim: descriptor 4 is what the test reads. */
async function launchScript(
  t: TestContext,
  script: string,
  o: { fds?: number[]; plan?: Uint8Array; cgroupFd?: number } = {},
): Promise<{ pid: number; pidfd: number; notifyFd: number }> {
  const file = join(scratchDir(t, 'process'), 'script')
  writeFileSync(file, script)
  const { fds = [], plan = Buffer.from('plan'), ...rest } = o
  return await native.launchShim({ path: '/bin/sh', name: file, plan, fds, ...rest })
}

async function output(t: TestContext, script: string, o = {}): Promise<string> {
  const shim = await launchScript(t, script, o)
  const text = await readToEnd(native, shim.notifyFd)
  await native.waitReadable(shim.pidfd).readable
  native.closeFd(shim.notifyFd)
  native.closeFd(shim.pidfd)
  return text
}

test('the child has the plan on 3, the pipe on 4, nothing else', async (t) => {
  // The glob's own directory is 5, the first that is free; the script is 10.
  const text = await output(t, 'set -- /proc/$$/fd/*; cat <&3 >&4; echo " $*" >&4')
  assert.match(text, /^plan(?: .proc.\d+.fd.(?:[0-5]|10)){7}\n$/)
  const links = await output(t, 'ls -l /proc/$$/fd 2>&4 >&4')
  assert.match(links, / 0 -> .dev.null\n/)
  assert.match(links, / 3 -> .memfd:tdocker-plan/)
})

test('the plan is sealed', async (t) => {
  const answer = await output(t, '(echo x >/proc/self/fd/3) 2>/dev/null || echo sealed >&4')
  assert.equal(answer, 'sealed\n')
})

test('descriptors keep their order, also when source and target numbers overlap', async (t) => {
  const dir = scratchDir(t, 'fds')
  const files = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const file = join(dir, `f${index}`)
      writeFileSync(file, `${index} `)
      return await open(file)
    }),
  )
  const fds = files.map((file) => file.fd).reverse()
  const text = await output(t, 'for i in 0 1 2 3 4; do cat /proc/$$/fd/$((5+i)) >&4; done', { fds })
  assert.equal(text, '19 18 17 16 15 ')
  for (const file of files) await file.close()
})

test('the child has clean signals, its own session and no environment', async (t) => {
  const status = await output(t, 'grep -E "^Sig(Blk|Ign)" /proc/self/status >&4; env >&4')
  assert.match(status, /SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n/)
  assert.doesNotMatch(status, /HOME=/)
  const stat = await output(t, 'cut -d" " -f1,6 /proc/$$/stat >&4')
  const [pid, session] = stat.trim().split(' ')
  assert.equal(session, pid)
})

test('an ended child is reaped', async (t) => {
  const shim = await launchScript(t, 'exit 7')
  await native.waitReadable(shim.pidfd).readable
  // The reaper polls its own duplicate: it may be served in the same turn of the loop, or the next.
  while (existsSync(`/proc/${shim.pid}`)) await new Promise((resolve) => setImmediate(resolve))
  assert.throws(() => native.pidfdSendSignal(shim.pidfd, 0), { code: 'ESRCH' })
  native.closeFd(shim.pidfd)
  native.closeFd(shim.notifyFd)
})

test('children of Node are left to Node', async (t) => {
  const children = Array.from({ length: 5 }, () => spawn('/bin/sh', ['-c', 'exit 3']))
  const codes = Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number))
  await Promise.all(Array.from({ length: 5 }, () => output(t, 'exit 4')))
  assert.deepEqual(await codes, [3, 3, 3, 3, 3])
})

test('a program that cannot be executed says so and leaves nothing', async () => {
  await closingPhase()
  const before = readdirSync('/proc/self/fd').length
  const launch = native.launchShim({ path: '/none', name: 'x', plan: Buffer.alloc(0), fds: [] })
  await assert.rejects(launch, { name: 'KernelError', code: 'ENOENT' })
  const bad = native.launchShim({ path: '/bin/sh', name: 'x', plan: Buffer.alloc(0), fds: [9999] })
  await assert.rejects(bad, { code: 'EBADF', syscall: 'fcntl' })
  assert.equal(readdirSync('/proc/self/fd').length, before)
  const zombies = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => isZombieOf(pid, process.pid))
  assert.deepEqual(zombies, [])
})

/** libuv closes watchers after the immediates of a turn. */
async function closingPhase(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}

function isZombieOf(pid: string, parent: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' && ppid === String(parent)
  } catch {
    return false
  }
}

test('many at once', async (t) => {
  const texts = await Promise.all(
    Array.from({ length: 40 }, (_, index) => output(t, `echo ${index} >&4`)),
  )
  assert.deepEqual(
    texts,
    Array.from({ length: 40 }, (_, index) => `${index}\n`),
  )
})

test('the child starts inside a cgroup', async (t) => {
  const mount = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((line) => / - cgroup2 /.test(line))
    ?.split(' ')[4]
  if (mount === undefined) return t.skip('no cgroup2 hierarchy')
  const dir = join(mount, `tdocker-test-core-${process.pid}`)
  mkdirSync(dir)
  const handle = await open(dir)
  const text = await output(t, 'cat /proc/self/cgroup >&4', { cgroupFd: handle.fd })
  await handle.close()
  rmdirSync(dir)
  assert.match(text, new RegExp(`^0::/.*tdocker-test-core-${process.pid}$`, 'm'))
})

test('a signal through a pidfd', async (t) => {
  const shim = await launchScript(t, 'echo ready >&4; exec sleep 100')
  await native.waitReadable(shim.notifyFd).readable
  const second = native.pidfdOpen(shim.pid)
  const ended = [native.waitReadable(shim.pidfd).readable, native.waitReadable(second).readable]
  native.pidfdSendSignal(second, SIGTERM)
  assert.deepEqual(await Promise.all(ended), [true, true])
  for (const fd of [shim.pidfd, shim.notifyFd, second]) native.closeFd(fd)
})

test('a descriptor of another process', async (t) => {
  const shim = await launchScript(t, 'echo ready >&4; exec sleep 100')
  await native.waitReadable(shim.notifyFd).readable
  const plan = native.pidfdGetFd(shim.pidfd, 3)
  assert.equal(native.readFd(plan, 10)?.toString(), 'plan')
  assert.throws(() => native.pidfdGetFd(shim.pidfd, 999), { code: 'EBADF' })
  native.pidfdSendSignal(shim.pidfd, 9)
  for (const fd of [plan, shim.pidfd, shim.notifyFd]) native.closeFd(fd)
})

test('waiting settles on data, on hang-up and on cancel', async () => {
  const [left, right] = native.socketPair()
  assert.equal(native.readFd(left, 10), undefined)
  const cancelled = native.waitReadable(left)
  cancelled.cancel()
  cancelled.cancel()
  assert.equal(await cancelled.readable, false)
  const two = [native.waitReadable(left).readable, native.waitReadable(left).readable]
  native.closeFd(right)
  assert.deepEqual(await Promise.all(two), [true, true])
  assert.equal(native.readFd(left, 10)?.length, 0)
  native.closeFd(left)
  assert.throws(() => native.waitReadable(left), { code: 'EBADF' })
})

test('waiting for a plain file is refused', async () => {
  const file = await open(import.meta.filename)
  assert.throws(() => native.waitReadable(file.fd), { code: 'EPERM' })
  await file.close()
})

test('waits neither leak descriptors nor keep a process alive', async (t) => {
  const before = readdirSync('/proc/self/fd').length
  for (let i = 0; i < 100; i++) {
    const [read, write] = native.pipe()
    const wait = native.waitReadable(read)
    wait.cancel()
    assert.equal(await wait.readable, false)
    native.closeFd(read)
    native.closeFd(write)
  }
  await closingPhase()
  // Others may have been closing theirs meanwhile.
  assert.ok(readdirSync('/proc/self/fd').length <= before)

  assert.deepEqual(await runNode(t, 'native.waitReadable(native.pipe()[0])'), [0, null])
})

let programs = 0

/** Runs a program with `native` in a Node of its own; answers its exit code and signal. */
async function runNode(t: TestContext, program: string): Promise<unknown[]> {
  const whole = `import { loadNative } from '@tdocker/kernel/load-native.ts'
    const native = loadNative(); ${program}`
  const file = join(import.meta.dirname, `program-${process.pid}-${programs++}.mts`)
  writeFileSync(file, whole)
  t.after(() => rmSync(file))
  const child = spawn(process.execPath, [file], { stdio: 'inherit' })
  return await once(child, 'exit')
}

test('a process may end while native work is under way', async (t) => {
  const program = `for (let i = 0; i < 20; i++) {
      native.treeSize('/usr/lib').catch(() => {}); native.waitReadable(native.pipe()[0]) }
    setTimeout(() => process.exit(5), 20)`
  for (let i = 0; i < 5; i++) assert.deepEqual(await runNode(t, program), [5, null])
})

test('a worker may end while native work is under way', async (t) => {
  const worker = `
    import { parentPort } from 'node:worker_threads'
    import { loadNative } from '@tdocker/kernel/load-native.ts'
    const native = loadNative()
    native.treeSize('/usr/lib').catch(() => {})
    native.waitReadable(native.pipe()[0])
    parentPort.postMessage(1)`
  const file = join(import.meta.dirname, `worker-${process.pid}.mts`)
  writeFileSync(file, worker)
  t.after(() => rmSync(file))
  const program = `const { Worker } = await import('node:worker_threads')
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(${JSON.stringify(file)})
      await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
    }`
  assert.deepEqual(await runNode(t, program), [0, null])
})

test('thousands of calls at once share a bounded number of threads', async () => {
  const root = native.openRoot('/')
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, readdirSync('/proc/self/task').length)
  }, 1)
  const stats = await Promise.all(
    Array.from({ length: 3000 }, () => native.statIn({ root, path: 'etc/passwd' })),
  )
  clearInterval(watch)
  native.closeFd(root)
  assert.ok(stats.every((stat) => stat?.type === 'file'))
  assert.ok(most < 100, String(most))
})

const shimServer = `
import os, socket, sys, array
path, mode = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.bind(path); s.listen(5)
print('ready', flush=True)
c, _ = s.accept()
data, anc, flags, _ = c.recvmsg(65536, 1024)
fds = array.array('i')
for level, kind, payload in anc: fds.frombytes(payload)
if mode == 'echo': c.send(data + b' ' + b','.join(os.read(fd, 100) for fd in fds))
if mode == 'big': c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400000); c.send(b'x' * 70000)
if mode == 'hang': c.recv(1)
`

async function serve(t: TestContext, mode: string): Promise<string> {
  const path = join(scratchDir(t, 'request'), 'sock')
  const server = spawn('python3', ['-c', shimServer, path, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => server.kill('SIGKILL'))
  await once(server.stdout, 'data')
  return path
}

test('a request carries its message and descriptors and brings the reply', async (t) => {
  const path = await serve(t, 'echo')
  const file = join(scratchDir(t, 'rights'), 'f')
  writeFileSync(file, 'content')
  const handle = await open(file)
  const fds = [handle.fd, handle.fd]
  const reply = await native.shimRequest({ path, message: Buffer.from('hello'), fds })
  assert.equal(reply.toString(), 'hello content,')
  await handle.close()
})

test('requests fail clearly', async (t) => {
  const message = Buffer.from('x')
  await assert.rejects(native.shimRequest({ path: '/none', message }), {
    code: 'ENOENT',
    syscall: 'connect',
    path: '/none',
  })
  await assert.rejects(native.shimRequest({ path: await serve(t, 'close'), message }), {
    code: 'ECONNRESET',
  })
  await assert.rejects(native.shimRequest({ path: await serve(t, 'big'), message }), {
    code: 'EMSGSIZE',
  })
})

test('a shim that hangs costs five seconds, not the pool', async (t) => {
  const message = Buffer.from('x')
  const hanging = await Promise.all(Array.from({ length: 5 }, () => serve(t, 'hang')))
  const started = Date.now()
  const requests = hanging.map((path) =>
    assert.rejects(native.shimRequest({ path, message }), { code: 'ETIMEDOUT' }),
  )
  await output(t, 'exit 0')
  assert.ok(Date.now() - started < 2000)
  await holding(Promise.all(requests))
  const elapsed = Date.now() - started
  assert.ok(elapsed > 4500 && elapsed < 8000, String(elapsed))
})
