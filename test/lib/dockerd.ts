/** A real dockerd beside us, to measure and to compare with: in a network namespace of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ApiClient } from './api-client.ts'

const root = join(import.meta.dirname, '../..')
export const debianPeers: string = join(root, '.runtime/peers')

export interface DockerDaemon extends AsyncDisposable {
  api: ApiClient
  socket: string
  /** dockerd and its containerd. */
  pids: number[]
  /** Name of the network namespace it lives in. */
  netns: string
}

/**
 * Starts dockerd with everything of its own below `dir`; `id` names its network namespace and its
 * cgroup. `TDOCKER_PEER` may name a directory with dockerd, containerd, its shim and runc; else
 * Debian's packages are unpacked beside the project (installed they would start one on the host).
 * `more` are further arguments of dockerd's.
 */
export async function startDockerd(
  id: string,
  dir: string,
  storage: 'overlay2' | 'its own' = 'overlay2',
  more: readonly string[] = [],
): Promise<DockerDaemon> {
  const programs = dockerPrograms()
  mkdirSync(dir)
  const socket = join(dir, 'd.sock')
  spawnSync('ip', ['netns', 'add', id])
  spawnSync('ip', ['-n', id, 'link', 'set', 'lo', 'up'])
  const child = daemon(
    'nsenter',
    [
      ...[`--net=/run/netns/${id}`, 'dockerd', '-H', `unix://${socket}`],
      ...['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'run')],
      ...['--pidfile', join(dir, 'pid'), '--cgroup-parent', `/${id}`],
      // Without it dockerd 29 keeps images in containerd.
      ...(storage === 'overlay2' ? ['--storage-driver', 'overlay2'] : []),
      ...more,
    ],
    dir,
    { PATH: `${programs}:${process.env['PATH']}` },
  )
  const api = new ApiClient(socket)
  const dispose = async (): Promise<void> => {
    api.close()
    await end(child)
    unmountBelow(dir)
    spawnSync('ip', ['netns', 'delete', id])
    // dockerd leaves its parent cgroups behind.
    spawnSync('sh', ['-c', `find /sys/fs/cgroup/*/${id} -depth -type d -exec rmdir {} +`])
  }
  try {
    await answers(api, dir)
  } catch (error) {
    await dispose()
    throw error
  }
  const containerd = Number(readFileSync(join(dir, 'run/containerd/containerd.pid'), 'utf8'))
  return { api, socket, pids: [child.pid!, containerd], netns: id, [Symbol.asyncDispose]: dispose }
}

/** dockerd leaves its namespaces' files mounted, the last made first. */
function unmountBelow(dir: string): void {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${dir}/`))
  if (points.length > 0) spawnSync('umount', ['-l', ...points.reverse()])
}

/** Directories for PATH. */
function dockerPrograms(): string {
  const given = process.env['TDOCKER_PEER']
  if (given !== undefined) return given
  unpackDebianPackages()
  return `${debianPeers}/usr/sbin:${debianPeers}/usr/bin`
}

/** scripts/test has done it, as tests in namespaces of their own cannot. */
function unpackDebianPackages(): void {
  const { status, stderr } = spawnSync(join(root, 'scripts/unpack-dockerd'), { encoding: 'utf8' })
  if (status !== 0) throw new Error(`peers could not be unpacked: ${stderr}`)
}

export function daemon(
  program: string,
  args: readonly string[],
  dir: string,
  env: NodeJS.ProcessEnv = {},
): ChildProcess {
  const log = openSync(join(dir, 'log'), 'a')
  return spawn(program, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } })
}

export async function answers(api: ApiClient, dir: string): Promise<void> {
  for (let i = 0; i < 30_000; i++) {
    const ok = await api.get('/_ping').then(
      ({ status }) => status === 200,
      () => false,
    )
    if (ok) return
    await delay(1)
  }
  throw new Error(`no answer; log:\n${readFileSync(join(dir, 'log'), 'utf8').slice(-3000)}`)
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await exited
}
