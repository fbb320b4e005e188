/**
 * Clients that take connections over and treat them badly: half-closes, detach keys, resets, clients
 * that never read, large input and output. Every byte that is due arrives; afterwards the daemon and
 * the shims hold what they held before.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { FrameDecoder } from '@tdocker/api/framing.ts'
import { Random } from '../fuzz/random.ts'
import { type TestDaemon, until } from '../lib/test-daemon.ts'

const SESSION_LIMIT_MS = 180_000
const HostConfig = { NetworkMode: 'none' }

export interface Load {
  sessions: number
  parallel: number
  /** Sessions that send and get back so many bytes. */
  large: { sessions: number; bytes: number }
  seed: number
}

/** Containers that all sessions share. */
export interface Stage {
  /** Echoes on a terminal. */
  terminal: string
  /** Echoes, for many clients. */
  echo: string
  /** Talks without end. */
  talker: string
}

export async function prepare(daemon: TestDaemon): Promise<Stage> {
  const cat = { Cmd: ['cat'], OpenStdin: true, HostConfig }
  return {
    terminal: await daemon.run({ ...cat, Tty: true }, 'terminal'),
    echo: await daemon.run(cat, 'echo'),
    talker: await daemon.run(
      {
        Cmd: ['sh', '-c', 'while :; do echo talk; usleep 20000; done'],
        HostConfig: { ...HostConfig, LogConfig: { Type: 'none' } },
      },
      'talker',
    ),
  }
}

interface Session {
  daemon: TestDaemon
  stage: Stage
  random: Random
}

type Kind = (s: Session) => Promise<void>

const KINDS: readonly Kind[] = [
  echoed,
  echoed,
  (s) => terminalOutput(s, true),
  (s) => terminalOutput(s, false),
  detachedExec,
  detachedAttach,
  dropped,
  droppedAttach,
  neverReads,
  halfClosedAttach,
  attachedFirst,
  listens,
]

/** The same sessions for the same seed. Throws with the kind and the number of the first that fails. */
export async function play(daemon: TestDaemon, stage: Stage, load: Load): Promise<void> {
  const kinds = Array.from({ length: load.sessions }, (_, n) => KINDS[n % KINDS.length]!)
  const work: Array<[string, () => Promise<void>]> = kinds.map((kind, n) => [
    `${kind.name || 'session'} ${n}`,
    () => kind({ daemon, stage, random: new Random(load.seed + n) }),
  ])
  for (let n = 0; n < load.large.sessions; n++)
    work.splice(Math.floor((work.length / (load.large.sessions + 1)) * (n + 1)), 0, [
      `large ${n}`,
      () => transfer(daemon, stage.echo, load.large.bytes, new Random(load.seed + 10_000 + n)),
    ])
  const worker = async (): Promise<void> => {
    for (let next = work.shift(); next; next = work.shift()) await limited(...next)
  }
  await Promise.all(Array.from({ length: load.parallel }, worker))
}

async function limited(name: string, session: () => Promise<void>): Promise<void> {
  const over = new AbortController()
  try {
    await Promise.race([
      session(),
      delay(SESSION_LIMIT_MS, undefined, { signal: over.signal }).then(() => {
        throw new Error(`not over within ${SESSION_LIMIT_MS} ms`)
      }),
    ])
  } catch (error) {
    throw new Error(`${name}: ${String(error)}`, { cause: error })
  } finally {
    over.abort()
  }
}

// ---- kinds of sessions ----

async function echoed({ daemon, stage, random }: Session): Promise<void> {
  await transfer(daemon, stage.echo, 1 + random.below(300_000), random)
}

/** Bytes through `cat` by an exec, with the end of input as the only end; the sums must agree. */
async function transfer(
  daemon: TestDaemon,
  container: string,
  bytes: number,
  random: Random,
): Promise<void> {
  const exec = await createExec(daemon, container, { Cmd: ['cat'], ...ALL })
  const { socket, head } = await daemon.api.upgrade(`/exec/${exec}/start`, {})
  const sent = createHash('sha256')
  const sending = (async () => {
    const chunk = Buffer.from(Array.from({ length: 4096 }, () => random.below(256)))
    for (let left = bytes; left > 0;) {
      const part = Buffer.alloc(Math.min(left, 1 + random.below(256 << 10)), chunk)
      sent.update(part)
      left -= part.length
      if (!socket.write(part)) await once(socket, 'drain')
    }
    socket.end()
  })()
  const got = createHash('sha256')
  let size = 0
  for await (const { stream, payload } of framesOf(socket, head)) {
    assert.equal(stream, 1)
    got.update(payload)
    size += payload.length
  }
  await sending
  assert.equal(size, bytes)
  assert.equal(got.digest('hex'), sent.digest('hex'))
  assert.equal(await exitCode(daemon, exec), 0)
}

const ALL = { AttachStdin: true, AttachStdout: true, AttachStderr: true }

async function terminalOutput({ daemon, stage, random }: Session, tty: boolean): Promise<void> {
  const lines = 1 + random.below(20_000)
  const Cmd = ['sh', '-c', `seq 1 ${lines}; exit 3`]
  const exec = await createExec(daemon, stage.echo, { Cmd, Tty: tty, ...ALL })
  const { socket, head } = await daemon.api.upgrade(`/exec/${exec}/start`, { Tty: tty })
  const parts: Buffer[] = []
  if (tty) for await (const part of bytesOf(socket, head)) parts.push(part)
  else for await (const { payload } of framesOf(socket, head)) parts.push(payload)
  socket.end()
  const wanted = Array.from({ length: lines }, (_, n) => `${n + 1}${tty ? '\r' : ''}\n`).join('')
  assert.equal(Buffer.concat(parts).toString(), wanted)
  assert.equal(await exitCode(daemon, exec), 3)
}

async function detachedExec({ daemon, stage }: Session): Promise<void> {
  const body = { Cmd: ['cat'], Tty: true, ...ALL }
  const exec = await createExec(daemon, stage.echo, body)
  const { socket, head } = await daemon.api.upgrade(`/exec/${exec}/start`, { Tty: true })
  socket.write('typed\n')
  socket.write('\x10\x11')
  await drained(socket, head)
  socket.end()
  const { body: inspect } = await daemon.api.get<{ Pid: number; Running: boolean }>(
    `/exec/${exec}/json`,
  )
  assert.equal(inspect.Running, true)
  process.kill(inspect.Pid, 'SIGKILL')
  assert.equal(await exitCode(daemon, exec), 137)
}

async function detachedAttach({ daemon, stage }: Session): Promise<void> {
  const { socket, head } = await attach(daemon, stage.terminal, '&detachKeys=ctrl-a,d')
  socket.write('hello\n')
  socket.write('\x01d')
  await drained(socket, head)
  socket.destroy()
}

/** Gone in the middle of a transfer, with bytes unread: the other side sees a reset. */
async function dropped({ daemon, stage, random }: Session): Promise<void> {
  const exec = await createExec(daemon, stage.echo, { Cmd: ['cat'], ...ALL })
  const { socket } = await daemon.api.upgrade(`/exec/${exec}/start`, {})
  socket.on('error', () => {})
  socket.write(Buffer.alloc(random.below(2 << 20), 'x'))
  await delay(random.below(20))
  socket.destroy()
  // Its input has ended with the client.
  assert.equal(await exitCode(daemon, exec), 0)
}

async function droppedAttach({ daemon, stage, random }: Session): Promise<void> {
  const { socket } = await attach(daemon, stage.talker)
  socket.on('error', () => {})
  await delay(random.below(50))
  socket.destroy()
}

/** More than any buffer on the way, and a client that takes none of it. */
async function neverReads({ daemon, stage, random }: Session): Promise<void> {
  const Cmd = ['sh', '-c', 'head -c 3000000 /dev/zero']
  const exec = await createExec(daemon, stage.echo, { Cmd, ...ALL })
  const { socket } = await daemon.api.upgrade(`/exec/${exec}/start`, {})
  socket.on('error', () => {})
  socket.pause()
  await delay(20 + random.below(100))
  socket.destroy()
  assert.equal(await exitCode(daemon, exec), 0)
}

/** Without StdinOnce the end of a client's input is the end of that client only. */
async function halfClosedAttach({ daemon, stage }: Session): Promise<void> {
  const { socket, head } = await attach(daemon, stage.echo)
  socket.end()
  await drained(socket, head)
}

async function attachedFirst({ daemon, random }: Session): Promise<void> {
  const count = 1 + random.below(500)
  const { body } = await daemon.api.post<{ Id: string }>('/containers/create', {
    Image: 'busybox',
    Cmd: ['sh', '-c', `cat; seq 1 ${count} >&2`],
    OpenStdin: true,
    StdinOnce: true,
    HostConfig: { ...HostConfig, AutoRemove: true },
  })
  const { socket, head } = await attach(daemon, body.Id)
  socket.end('early')
  assert.equal((await daemon.api.post(`/containers/${body.Id}/start`)).status, 204)
  let out = ''
  let errors = 0
  for await (const { stream, payload } of framesOf(socket, head))
    if (stream === 1) out += payload.toString()
    else errors += payload.toString().split('\n').length - 1
  assert.equal(out, 'early')
  assert.equal(errors, count)
  await until(
    'its removal',
    async () => {
      return (await daemon.api.get(`/containers/${body.Id}/json`)).status === 404
    },
    60_000,
  )
}

async function listens({ daemon, stage, random }: Session): Promise<void> {
  const { socket, head } = await attach(daemon, stage.talker)
  let lines = 1 + random.below(5)
  for await (const { payload } of framesOf(socket, head)) {
    assert.match(payload.toString(), /^(talk\n)+$/)
    if (--lines === 0) break
  }
  socket.destroy()
}

// ---- what they are made of ----

async function createExec(daemon: TestDaemon, container: string, body: object): Promise<string> {
  const answer = await daemon.api.post<{ Id: string }>(`/containers/${container}/exec`, body)
  assert.equal(answer.status, 201, answer.text)
  return answer.body.Id
}

function attach(
  daemon: TestDaemon,
  container: string,
  more = '',
): Promise<{ socket: Socket; head: Buffer }> {
  return daemon.api.upgrade(
    `/containers/${container}/attach?stream=1&stdin=1&stdout=1&stderr=1${more}`,
  )
}

async function exitCode(daemon: TestDaemon, exec: string): Promise<number> {
  let code: number | null = null
  await until(
    `the end of exec ${exec}`,
    async () => {
      const { body } = await daemon.api.get<{ ExitCode: number | null }>(`/exec/${exec}/json`)
      code = body.ExitCode
      return code !== null
    },
    SESSION_LIMIT_MS,
  )
  return code!
}

async function* bytesOf(socket: Socket, head: Buffer): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head
  for await (const part of socket.iterator({ destroyOnReturn: false })) yield part as Buffer
}

async function* framesOf(
  socket: Socket,
  head: Buffer,
): AsyncGenerator<{ stream: number; payload: Buffer }> {
  const decoder = new FrameDecoder()
  for await (const part of bytesOf(socket, head)) yield* decoder.feed(part)
  assert.equal(decoder.incomplete, false)
}

async function drained(socket: Socket, head: Buffer): Promise<void> {
  for await (const _ of bytesOf(socket, head));
}

// ---- what they leave ----

/** V8 collects what is garbage in steps, some seconds after the last work. */
const COLLECTED_AFTER_MS = 25_000

export interface Held {
  descriptors: number
  /** Descriptors of the shims of the stage's containers. */
  shimDescriptors: number[]
  shims: number
  /** Runtime directories of containers and execs. */
  directories: number
  /** MiB resident. */
  daemonMemory: number
  shimMemory: number[]
}

/** Waits until nothing of the sessions is under way, then tells what is held. */
export async function settled(daemon: TestDaemon, stage: Stage): Promise<Held> {
  await until(
    'all execs to end',
    () => shimsOf(daemon).length === Object.keys(stage).length,
    60_000,
  )
  const shims = await shimPids(daemon, stage)
  // Connections that this client keeps for later are none of the sessions'.
  daemon.api.close()
  let held = hold(daemon, shims)
  // Buffers are freed in a second of silence, memory at the next collections.
  for (let quiet = 0; quiet < 5;) {
    await delay(400)
    const now = hold(daemon, shims)
    quiet = now.descriptors === held.descriptors ? quiet + 1 : 0
    held = now
  }
  return held
}

/** Resident memory of the daemon once its garbage is collected: the least within some time. */
export async function restingMemory(daemon: TestDaemon): Promise<number> {
  let least = Infinity
  for (const end = Date.now() + COLLECTED_AFTER_MS; Date.now() < end; await delay(500))
    least = Math.min(least, resident(daemon.pid))
  return least
}

function shimPids(daemon: TestDaemon, stage: Stage): Promise<number[]> {
  return Promise.all(
    Object.values(stage).map(async (id: string) => {
      const { body } = await daemon.api.get<{ State: { Pid: number } }>(`/containers/${id}/json`)
      return Number(/^PPid:\s+(\d+)/m.exec(status(body.State.Pid))![1])
    }),
  )
}

function hold(daemon: TestDaemon, shims: readonly number[]): Held {
  return {
    descriptors: descriptors(daemon.pid),
    shimDescriptors: shims.map(descriptors),
    shims: shimsOf(daemon).length,
    directories: ['c', 'e'].flatMap((name) => entries(`${daemon.execRoot}/${name}`)).length,
    daemonMemory: resident(daemon.pid),
    shimMemory: shims.map(resident),
  }
}

/** Processes in the group that this daemon's shims share. */
function shimsOf(daemon: TestDaemon): string[] {
  const pids = entries('/sys/fs/cgroup').flatMap((name) => {
    try {
      return readFileSync(`/sys/fs/cgroup/${name}/${daemon.id}/shims/cgroup.procs`, 'utf8').split(
        '\n',
      )
    } catch {
      return []
    }
  })
  return [...new Set(pids)].filter((pid) => pid !== '')
}

const status = (pid: number): string => readFileSync(`/proc/${pid}/status`, 'utf8')
const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length
const resident = (pid: number): number => Number(/^VmRSS:\s+(\d+)/m.exec(status(pid))![1]) / 1024

function entries(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
