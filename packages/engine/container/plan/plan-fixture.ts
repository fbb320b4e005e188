import type { ContainerConfig, HostConfig } from '@tdocker/api'
import { allCapabilities } from '@tdocker/oci/capabilities.ts'
import type { ContainerPlanInput, ExecPlanInput, HostFacts } from './plan-input.ts'

/** Inputs for tests: a machine and containers that exist nowhere. */

export const testHost: HostFacts = {
  thermalThrottleCpus: [0, 1],
  kernelVersion: '6.1.0',
  machine: 'x86_64',
  apparmor: false,
  selinux: false,
  capabilities: allCapabilities,
}

const id = 'c0ffee'.padEnd(64, '0')

const cgroupV1: ContainerPlanInput['cgroup'] = {
  version: 1,
  procsFiles: ['/sys/fs/cgroup/memory/tdocker/x/cgroup.procs'],
  shimProcsFiles: ['/sys/fs/cgroup/memory/tdocker/shims/cgroup.procs'],
  mounts: [
    {
      controllers: 'cpu,cpuacct',
      name: 'cpu,cpuacct',
      source: '/sys/fs/cgroup/cpu,cpuacct/tdocker/x',
    },
    { controllers: 'memory', name: 'memory', source: '/sys/fs/cgroup/memory/tdocker/x' },
    { controllers: 'name=systemd', name: 'systemd', source: '/sys/fs/cgroup/systemd/tdocker/x' },
  ],
}

export const cgroupV2: ContainerPlanInput['cgroup'] = {
  version: 2,
  procsFiles: ['/sys/fs/cgroup/tdocker/x/cgroup.procs'],
  shimProcsFiles: [],
  mounts: [{ controllers: '', name: '', source: '/sys/fs/cgroup/tdocker/x' }],
}

export function planInput(
  config: ContainerConfig = {},
  hostConfig: HostConfig = {},
  rest: Partial<ContainerPlanInput> = {},
): ContainerPlanInput {
  return {
    id,
    name: 'brave_hopper',
    config: { Hostname: 'c0ffee000000', Cmd: ['sh'], Env: ['A=1'], ...config },
    hostConfig: {
      NetworkMode: 'bridge',
      IpcMode: 'private',
      CgroupnsMode: 'host',
      ShmSize: 67108864,
      ...hostConfig,
    },
    paths: {
      socket: '/run/tdocker/x/shim.sock',
      exitFile: '/run/tdocker/x/exit',
      hosts: '/run/tdocker/x/hosts',
      hostname: '/run/tdocker/x/hostname',
      resolvConf: '/run/tdocker/x/resolv.conf',
      ...(hostConfig.Init ? { init: '/usr/libexec/tdocker/init' } : {}),
    },
    rootFd: 20,
    join: {},
    netnsFd: 21,
    user: { uid: 0, gid: 0, groups: [0], home: '/root' },
    mounts: [],
    devices: [],
    cgroup: cgroupV1,
    seccomp: Uint8Array.of(1, 2, 3),
    host: testHost,
    clients: [],
    hold: [],
    log: {
      driver: 'json-file',
      path: '/var/lib/tdocker/x.log',
      maxSize: -1,
      maxFile: 1,
      attrs: '',
    },
    ...rest,
  }
}

export function execInput(
  exec: Partial<ExecPlanInput['exec']> = {},
  config: ContainerConfig = {},
  hostConfig: HostConfig = {},
): ExecPlanInput {
  const container = planInput(config, hostConfig)
  return {
    id: 'e0'.padEnd(64, '0'),
    exec: {
      cmd: ['ls', '-l'],
      env: [],
      tty: false,
      openStdin: false,
      privileged: false,
      workingDir: '',
      ...exec,
    },
    config: container.config,
    hostConfig: container.hostConfig,
    paths: { socket: '/run/tdocker/e/shim.sock', exitFile: '/run/tdocker/e/exit' },
    pidfd: 30,
    user: container.user,
    cgroup: container.cgroup,
    seccomp: container.seccomp,
    host: testHost,
    clients: [],
  }
}
