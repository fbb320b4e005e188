/** The daemon, the containers others join, and the facts of the machine that rows look at. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { TestDaemon } from '../lib/test-daemon.ts'
import { Seen } from './seen.ts'

export interface World {
  daemon: TestDaemon
  cgroupVersion: 1 | 2
  /** A container that runs, shares its IPC namespace and has a volume. */
  donor: string
  /** One that only was created. */
  stopped: string
  /** A block device of the machine; undefined where there is none. */
  disk: { path: string; number: string } | undefined
  /** Whether a container's group has the file, named as `Seen.cgroup` names it. */
  hasCgroupFile(v1: string, v2: string): boolean
}

export async function makeWorld(): Promise<World & AsyncDisposable> {
  const daemon = await TestDaemon.start()
  const donor = await daemon.run(
    {
      Cmd: ['sleep', '1000'],
      Volumes: { '/shared': {} },
      HostConfig: { NetworkMode: 'none', IpcMode: 'shareable' },
    },
    'donor',
  )
  await daemon.run(
    { Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none', IpcMode: 'private' } },
    'private',
  )
  await daemon.run({ Cmd: ['sleep', '1000'] }, 'linked')
  const created = await daemon.api.post<{ Id: string }>('/containers/create?name=stopped', {
    Image: 'busybox',
  })
  const seen = await Seen.of(daemon, donor)
  return {
    daemon,
    cgroupVersion: seen.cgroupVersion,
    donor,
    stopped: created.body.Id,
    disk: findDisk(),
    hasCgroupFile: (v1, v2) => seen.cgroupFileExists(v1, v2),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  }
}

function findDisk(): World['disk'] {
  const names = existsSync('/sys/block') ? readdirSync('/sys/block').sort() : []
  for (const name of names) {
    const path = `/dev/${name}`
    if (/^(loop|ram|zram|nbd|sr|fd)/.test(name) || !existsSync(path)) continue
    return { path, number: readFileSync(`/sys/block/${name}/dev`, 'utf8').trim() }
  }
  return undefined
}
