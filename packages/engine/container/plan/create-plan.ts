import type { HostConfig } from '@tdocker/api'
import { maskedPathsFor, readonlyPaths } from '@tdocker/oci/masked-paths.ts'
import type { CreateTarget, LaunchPlan, PlanProcess } from '@tdocker/kernel/shim/plan.ts'
import { invalidParameter } from '../../base/errors.ts'
import { planCapabilities } from './capability-set.ts'
import { defaultDevices, deviceLinks } from './devices.ts'
import { planEnvironment } from './environment.ts'
import {
  cgroupSymlinks,
  initPath,
  ownsDev,
  planMounts,
  rootPropagation,
  usesInit,
} from './mounts.ts'
import { planNamespaces } from './namespaces.ts'
import { type BuiltPlan, type ContainerPlanInput, FdTable, type HostFacts } from './plan-input.ts'
import { planRlimits } from './rlimits.ts'
import { parseSecurityOptions, refuseUnenforced } from './security-options.ts'
import { planSysctls } from './sysctls.ts'

/** What the shim is to do for a container, from Docker's configuration alone. */
export function buildCreatePlan(input: ContainerPlanInput): BuiltPlan {
  const fds = new FdTable()
  const plan: LaunchPlan = {
    name: input.id,
    shim: {
      socket: input.paths.socket,
      exitFile: input.paths.exitFile,
      cgroupProcs: input.cgroup.shimProcsFiles,
    },
    stdio: {
      tty: input.config.Tty === true,
      stdin: input.config.OpenStdin === true ? 'open' : 'null',
      stdinOnce: input.config.StdinOnce === true,
      ...(input.consoleSize ? { consoleSize: input.consoleSize } : {}),
    },
    log: input.log,
    clients: input.clients.map((client) => ({ ...client, fd: fds.add(client.fd) })),
    hold: input.hold.map((fd) => fds.add(fd)),
    ports: (input.heldPorts ?? []).map((port) => ({ ...port, fd: fds.add(port.fd) })),
    target: createTarget(input, fds),
    process: createProcess(input),
  }
  return { plan, fds: fds.fds }
}

function createTarget(input: ContainerPlanInput, fds: FdTable): CreateTarget {
  const { config, hostConfig } = input
  const ownUts = hostConfig.UTSMode !== 'host'
  const ownDev = ownsDev(input)
  return {
    kind: 'create',
    namespaces: {
      ...planNamespaces(hostConfig, input.join, input.netnsFd, fds),
      ...(input.host.timeNamespaces ? { time: 'new' as const } : {}),
    },
    cgroupProcs: input.cgroup.procsFiles,
    rootFd: fds.add(input.rootFd),
    readonlyRoot: hostConfig.ReadonlyRootfs === true,
    rootPropagation: rootPropagation(input.mounts),
    ...(ownUts && config.Hostname ? { hostname: config.Hostname } : {}),
    ...(ownUts && config.Domainname ? { domainname: config.Domainname } : {}),
    mounts: planMounts(input, fds),
    devices: ownDev ? [...defaultDevices, ...input.devices] : [],
    symlinks: [
      ...(ownDev ? linksOfDev(input.host) : []),
      ...cgroupSymlinks(input),
      ['/etc/mtab', '/proc/mounts'],
    ],
    // By which programs know where they are.
    files: [['/.dockerenv', 0o755]],
    sysctls: planSysctls(hostConfig, input.shared),
    maskedPaths: hostConfig.MaskedPaths ?? defaultMaskedPaths(hostConfig, input.host),
    readonlyPaths: hostConfig.ReadonlyPaths ?? defaultReadonlyPaths(hostConfig),
  }
}

function linksOfDev(host: HostFacts): CreateTarget['symlinks'] {
  return deviceLinks.filter(([, target]) => target !== '/proc/kcore' || host.kcore !== false)
}

/** What `HostConfig.MaskedPaths` becomes when the client left it out. */
export function defaultMaskedPaths(hostConfig: HostConfig, host: HostFacts): string[] {
  return hostConfig.Privileged === true ? [] : maskedPathsFor(host.thermalThrottleCpus)
}

export function defaultReadonlyPaths(hostConfig: HostConfig): string[] {
  return hostConfig.Privileged === true ? [] : [...readonlyPaths]
}

function createProcess(input: ContainerPlanInput): PlanProcess {
  const { config, hostConfig, user } = input
  const command = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]
  if (command.length === 0) throw invalidParameter('no command specified')
  const tty = config.Tty === true
  return {
    argv: usesInit(input) ? [initPath, '--', ...command] : command,
    env: planEnvironment({ config, tty, home: user.home }),
    cwd: config.WorkingDir || '/',
    uid: user.uid,
    gid: user.gid,
    groups: user.groups,
    ...confinement(input, planCapabilities(hostConfig, input.host)),
    oomScoreAdj: hostConfig.OomScoreAdj ?? 0,
    ...(usesInit(input) && input.paths.ownInit ? { holdSignals: true } : {}),
  }
}

/** What containers and their execs share. */
export function confinement(
  input: Pick<
    ContainerPlanInput,
    'hostConfig' | 'seccomp' | 'appArmorProfile' | 'host' | 'noNewPrivileges'
  >,
  capabilities: readonly string[],
): Pick<
  PlanProcess,
  | 'capabilities'
  | 'noNewPrivileges'
  | 'rlimits'
  | 'umask'
  | 'seccomp'
  | 'appArmorProfile'
  | 'keyring'
> {
  const { hostConfig, seccomp, appArmorProfile, noNewPrivileges = false } = input
  const options = parseSecurityOptions(hostConfig, { noNewPrivileges })
  refuseUnenforced(options, input.host)
  return {
    // Never inheritable or ambient: a program without file capabilities must not gain any by them.
    capabilities: {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
      ambient: [],
    },
    noNewPrivileges: options.noNewPrivileges,
    rlimits: planRlimits(hostConfig),
    umask: 0o022,
    ...(seccomp ? { seccomp } : {}),
    ...(appArmorProfile === undefined ? {} : { appArmorProfile }),
    keyring: true,
  }
}
