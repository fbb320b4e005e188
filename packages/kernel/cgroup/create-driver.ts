import { readFileSync } from 'node:fs'
import type { Native } from '../native.ts'
import type { CgroupDriver } from './driver.ts'
import { type CgroupFs, isErrno, kernelCgroupFs } from './fs.ts'
import { V1Driver, type V1Layout } from './v1.ts'
import { V2Driver } from './v2.ts'

/** Controllers of v1 that a container gets a group in. */
const v1Controllers = [
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'net_cls',
  'net_prio',
  'hugetlb',
  'perf_event',
  'rdma',
  'misc',
]

/**
 * The driver for this machine: v2 where `root` is a cgroup2 mount, else v1 with whatever
 * hierarchies are mounted below `root`. `parent` is the daemon's own group, e.g. `/tdocker`, made
 * at first use; groups of containers lie below it (or below what `--cgroup-parent` names).
 */
export function createCgroupDriver(o: {
  native: Pick<Native, 'bpfDeviceAttach' | 'oomEventFd' | 'waitReadable' | 'readFd' | 'closeFd'>
  parent: string
  root?: string
  fs?: CgroupFs
  /** Text of /proc/self/cgroup. */
  self?: string
}): CgroupDriver {
  const { native, parent, root = '/sys/fs/cgroup', fs = kernelCgroupFs } = o
  const own = parseSelfCgroup(o.self ?? readFileSync('/proc/self/cgroup', 'utf8'))
  if (fs.exists(`${root}/cgroup.controllers`)) {
    return new V2Driver({ fs, native, root, parent, daemonGroup: own.get('') ?? '/' })
  }
  const layout = detectV1(fs, root)
  return new V1Driver({ fs, native, layout, parent, daemonGroups: byDirectory(layout, own) })
}

/** Co-mounted controllers are symlinks to one directory, e.g. cpu → cpu,cpuacct. */
function detectV1(fs: CgroupFs, root: string): V1Layout {
  const mounted = (name: string): string | undefined => {
    try {
      const directory = fs.realpath(`${root}/${name}`)
      return fs.exists(`${directory}/cgroup.procs`) ? directory : undefined
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }
  }
  const controllers = new Map<string, string>()
  for (const name of v1Controllers) {
    const directory = mounted(name)
    if (directory !== undefined) controllers.set(name, directory)
  }
  const systemd = mounted('systemd')
  const unified = mounted('unified')
  return {
    controllers,
    ...(systemd === undefined ? {} : { systemd }),
    ...(unified === undefined ? {} : { unified }),
  }
}

/** '4:cpu,cpuacct:/x' → cpu: '/x', cpuacct: '/x'; v2's line has the name ''. */
function parseSelfCgroup(text: string): Map<string, string> {
  const groups = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (names === undefined || path === undefined) continue
    for (const name of names.split(',')) groups.set(name, path)
  }
  return groups
}

function byDirectory(layout: V1Layout, own: ReadonlyMap<string, string>): Map<string, string> {
  const groups = new Map<string, string>()
  for (const [name, directory] of layout.controllers) groups.set(directory, own.get(name) ?? '/')
  if (layout.systemd) groups.set(layout.systemd, own.get('name=systemd') ?? '/')
  if (layout.unified) groups.set(layout.unified, own.get('') ?? '/')
  return groups
}
