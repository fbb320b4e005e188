import { type ChildProcess, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ApiClient } from '../lib/api-client.ts'
import { busyboxTar } from '../lib/busybox.ts'
import { debianTar } from '../lib/debian.ts'
import { answers, daemon, debianPeers, end, startDockerd } from '../lib/dockerd.ts'
import type { Engine } from './cases.ts'
import { timed } from './measure.ts'

const root = join(import.meta.dirname, '../..')
const PORT = 5987
const REPOSITORY = `127.0.0.1:${PORT}/bench/debian:latest`

export interface Peers extends AsyncDisposable {
  engines: Engine[]
  pullReference: string
  clients: string[]
}

/** Starts dockerd (reference) and tdockerd with busybox and a registry that has a Debian image. */
export async function startPeers(): Promise<Peers> {
  const id = `tb${randomBytes(3).toString('hex')}`
  const base = mkdtempSync(`/dev/shm/${id}-`)
  const undo: Array<() => unknown> = [() => rmSync(base, { recursive: true, force: true })]
  const stop = async (): Promise<void> => {
    for (const step of undo.reverse()) await step()
  }
  try {
    const peer = await startDockerd(id, join(base, 'dockerd'))
    undo.push(() => peer[Symbol.asyncDispose]())
    const dockerd: Engine = { name: 'dockerd', api: peer.api, pids: peer.pids }
    const tdockerd = await startTdockerd(id, base, undo)
    const inNetns = ['nsenter', `--net=/run/netns/${id}`]
    for (const inside of [[], inNetns])
      await startRegistry(base, { inside, port: PORT, storage: join(base, 'registry') }, undo)
    for (const [engine, inside] of [
      [dockerd, inNetns],
      [tdockerd, []],
    ] as const) {
      const storage = join(base, `to-push-${engine.name}`)
      await startRegistry(base, { inside, port: PORT + 1, storage }, undo)
      const clear = (): void => rmSync(storage, { recursive: true, force: true })
      engine.pushTo = { host: `127.0.0.1:${PORT + 1}`, clear }
    }
    for (const engine of [dockerd, tdockerd]) await importTar(engine, busyboxTar(), 'busybox')
    await pushDebian(dockerd)
    const docker = spawnSync('sh', ['-c', 'command -v docker'], { encoding: 'utf8' }).stdout.trim()
    return {
      engines: [dockerd, tdockerd],
      pullReference: REPOSITORY,
      clients: [
        docker === '' ? join(debianPeers, 'usr/bin/docker') : docker,
        join(root, 'packages/cli/dist/tdocker'),
      ],
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startTdockerd(
  id: string,
  base: string,
  undo: Array<() => unknown>,
): Promise<Engine> {
  const dir = join(base, 'tdockerd')
  mkdirSync(dir)
  const program = join(root, 'node_modules/.bin/tdockerd')
  const start = (directory: string, bridge: string): ChildProcess =>
    daemon(
      program,
      [
        ...['-H', `unix://${join(directory, 'd.sock')}`, '--config-file', '/dev/null'],
        ...['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'run')],
        ...[
          '--pidfile',
          join(directory, 'pid'),
          '--cgroup-parent',
          `/${bridge}`,
          '--bridge',
          bridge,
        ],
      ],
      directory,
    )
  const child = start(dir, `${id}t`)
  undo.push(() => end(child))
  const api = new ApiClient(join(dir, 'd.sock'))
  await answers(api, dir)
  const coldStart = async (): Promise<number> => {
    const scratch = mkdtempSync(join(base, 'cold-'))
    const second = new ApiClient(join(scratch, 'd.sock'))
    let process_: ChildProcess | undefined
    const milliseconds = await timed(async () => {
      process_ = start(scratch, `${id}c`)
      await answers(second, scratch)
    })
    second.close()
    await end(process_!)
    return milliseconds
  }
  return { name: 'tdocker', api, pids: [child.pid!], coldStart }
}

async function startRegistry(
  base: string,
  o: { inside: readonly string[]; port: number; storage: string },
  undo: Array<() => unknown>,
): Promise<void> {
  const { inside, port, storage } = o
  const config = join(base, `registry-${port}-${inside.length}.yml`)
  writeFileSync(
    config,
    `version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ${storage}\nhttp:\n  addr: 127.0.0.1:${port}\n`,
  )
  const [program = '', ...args] = [...inside, 'docker-registry', 'serve', config]
  const child = daemon(program, args, base)
  undo.push(() => end(child))
  const [command = '', ...probe] = [...inside, 'bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`]
  for (let i = 0; i < 500; i++) {
    if (spawnSync(command, probe).status === 0) return
    await delay(20)
  }
  throw new Error('the registry did not start')
}

/** A Debian of about 120 MB made by debootstrap, pushed to the registry by dockerd. */
async function pushDebian(dockerd: Engine): Promise<void> {
  const at = REPOSITORY.lastIndexOf(':')
  await importTar(dockerd, debianTar(), REPOSITORY.slice(0, at))
  const pushed = await dockerd.api.request(
    'POST',
    `/images/${REPOSITORY.slice(0, at)}/push?tag=latest`,
    undefined,
    { 'X-Registry-Auth': 'e30=' },
  )
  if (pushed.status !== 200 || pushed.text.includes('"error"'))
    throw new Error(`push: ${pushed.text.slice(-400)}`)
}

async function importTar(engine: Engine, tar: Buffer, repo: string): Promise<void> {
  const query = new URLSearchParams({ fromSrc: '-', repo, tag: 'latest', changes: 'CMD ["sh"]' })
  const answer = await engine.api.request('POST', `/images/create?${query}`, tar, {
    'Content-Type': 'application/x-tar',
  })
  if (answer.status !== 200 || answer.text.includes('"error"'))
    throw new Error(`import into ${engine.name}: ${answer.text.slice(-400)}`)
}
