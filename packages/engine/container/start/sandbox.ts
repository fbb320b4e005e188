import { conflict, system } from '../../base/errors.ts'
import { type Container, isRunning, joinedContainer } from '../container.ts'
import type { Context } from '../context.ts'
import { openNamespace } from '../living.ts'
import { isRestarting } from '../messages.ts'
import type { Sandbox, SandboxRequest } from '../needs.ts'
import { containerDirs } from '../paths.ts'
import type { FdScope } from './fd-scope.ts'

/** What network/ is asked for on behalf of `c`. */
export function sandboxRequest(c: Container): SandboxRequest {
  const { config, hostConfig: host } = c
  return {
    containerId: c.id,
    containerName: c.name,
    hostname: config.Hostname ?? '',
    domainname: config.Domainname ?? '',
    mode: config.NetworkDisabled ? 'none' : (host.NetworkMode ?? 'bridge'),
    networking: c.detail.networking,
    known: c.detail.endpoints,
    exposed: Object.keys(config.ExposedPorts ?? {}),
    portBindings: host.PortBindings ?? {},
    publishAll: host.PublishAllPorts ?? false,
    extraHosts: host.ExtraHosts ?? [],
    dns: host.Dns ?? [],
    dnsSearch: host.DnsSearch ?? [],
    dnsOptions: host.DnsOptions ?? [],
    sysctls: host.Sysctls ?? {},
    macAddress: '',
  }
}

/** The network of one start. */
export interface NetworkSetup {
  /** Own namespace; undefined where the host's or another container's is used. */
  netnsFd: number | undefined
  /** Another container's namespace. */
  joinFd: number | undefined
  hold: readonly number[]
  heldPorts: Sandbox['heldPorts']
  endpoints: Sandbox['endpoints']
  ports: Sandbox['ports']
  /** Paths of the files bound over /etc. */
  files: { hosts: string; hostname: string; resolvConf: string }
  /** Contents to write there; undefined when the files are another container's. */
  contents: { hosts: string; resolvConf: string } | undefined
}

/** Makes the container's network, or joins another container's. */
export async function setUpNetwork(
  ctx: Context,
  c: Container,
  fds: FdScope,
): Promise<NetworkSetup> {
  const other = joinedContainer(c.hostConfig.NetworkMode)
  if (other !== undefined) return joinNetwork(ctx, c, other, fds)
  const sandbox = await ctx.networks.open(sandboxRequest(c))
  if (sandbox.netnsFd !== undefined) fds.add(sandbox.netnsFd)
  for (const fd of sandbox.holdFds) fds.add(fd)
  for (const { fd } of sandbox.heldPorts) fds.add(fd)
  return {
    netnsFd: sandbox.netnsFd,
    joinFd: undefined,
    hold: sandbox.holdFds,
    heldPorts: sandbox.heldPorts,
    endpoints: sandbox.endpoints,
    ports: sandbox.ports,
    files: containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id),
    contents: { hosts: sandbox.hosts, resolvConf: sandbox.resolvConf },
  }
}

function joinNetwork(ctx: Context, c: Container, reference: string, fds: FdScope): NetworkSetup {
  const other = networkDonor(ctx, reference)
  if (other.id === c.id) throw system('cannot join own network namespace')
  if (!isRunning(other))
    throw conflict(
      `cannot join network namespace of a non running container: container ${other.name} is ${other.state}`,
    )
  if (other.state === 'restarting')
    throw system(`cannot join network namespace of container: ${isRestarting(reference).message}`)
  // One network, one name: inside and in what inspect tells.
  c.config.Hostname = other.config.Hostname ?? ''
  c.config.Domainname = other.config.Domainname ?? ''
  return {
    netnsFd: undefined,
    joinFd: fds.add(openNamespace(ctx, other, 'net')),
    hold: [],
    heldPorts: [],
    endpoints: {},
    ports: {},
    files: containerDirs(ctx.config.dataRoot, ctx.config.execRoot, other.id),
    contents: undefined,
  }
}

function networkDonor(ctx: Context, reference: string): Container {
  try {
    return ctx.registry.get(reference)
  } catch (error) {
    throw system(`joining network namespace of container: ${(error as Error).message}`, error)
  }
}
