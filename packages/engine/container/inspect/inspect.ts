import type { ContainerInspectResponse, ContainerState, DriverData } from '@tdocker/api'
import type { Health } from '../../health/health.ts'
import { formatTime } from '../clock.ts'
import { type Container, isRunning, joinedContainer, visibleState } from '../container.ts'
import type { Context } from '../context.ts'
import { shownLinks } from '../links/links.ts'
import { containerDirs } from '../paths.ts'
import { containerSizes } from '../sizes.ts'
import { shownConfig, shownHostConfig } from './host-config.ts'
import { withUlimits } from '../start/start.ts'
import { mountPoints } from './mount-points.ts'
import { networkSettings } from './network-settings.ts'

/** `GET /containers/{id}/json`: one full record, from memory. */
export async function inspectContainer(
  ctx: Context,
  reference: string,
  o: { size: boolean },
): Promise<ContainerInspectResponse> {
  const c = ctx.registry.get(reference)
  const dirs = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id)
  const files = networkFileDirs(ctx, c)
  const everStarted = c.detail.startedBefore
  return {
    Id: c.id,
    Created: formatTime(c.createdNs),
    Path: c.detail.path,
    Args: c.detail.args,
    State: state(c),
    Image: c.imageId,
    ResolvConfPath: everStarted ? files.resolvConf : '',
    HostnamePath: everStarted ? files.hostname : '',
    HostsPath: everStarted ? files.hosts : '',
    LogPath: c.hostConfig.LogConfig?.Type === 'json-file' && everStarted ? dirs.log : '',
    Name: `/${c.name}`,
    RestartCount: c.restartCount,
    Driver: 'overlay2',
    Platform: c.detail.os,
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: everStarted ? ctx.appArmor.profileOf(c.hostConfig) : '',
    ExecIDs: c.execs.size > 0 ? [...c.execs] : null,
    HostConfig: {
      ...shownHostConfig(withUlimits(ctx, c)),
      Links: shownLinks(ctx.registry, c) as string[],
    },
    GraphDriver: graphDriver(c, dirs),
    ...(o.size ? await containerSizes(ctx, c) : {}),
    Mounts: mountPoints(c),
    Config: { ...shownConfig(c.config), ...wantedMac(c) },
    NetworkSettings: networkSettings(c),
  }
}

function state(c: Container): ContainerState {
  return {
    Status: visibleState(c),
    Running: isRunning(c),
    Paused: c.state === 'paused',
    Restarting: c.state === 'restarting',
    OOMKilled: c.oomKilled,
    Dead: c.state === 'dead',
    Pid: c.pid,
    ExitCode: c.exitCode,
    Error: c.error,
    StartedAt: formatTime(c.startedNs),
    FinishedAt: formatTime(c.finishedNs),
    ...(c.health ? { Health: shownHealth(c.health) } : {}),
  }
}

function shownHealth(health: Health): NonNullable<ContainerState['Health']> {
  return { Status: health.status, FailingStreak: health.failingStreak, Log: [...health.log] }
}

/** Who shares a network shares its files. */
function networkFileDirs(ctx: Context, c: Container): ReturnType<typeof containerDirs> {
  const other = joinedContainer(c.hostConfig.NetworkMode) ?? c.id
  return containerDirs(ctx.config.dataRoot, ctx.config.execRoot, other)
}

/** Nothing is mounted on the host: the merged tree is seen through the process, while it runs. */
function graphDriver(c: Container, dirs: ReturnType<typeof containerDirs>): DriverData {
  return {
    Name: 'overlay2',
    Data: {
      ID: c.id,
      LowerDir: (c.lowers ?? []).join(':'),
      MergedDir: c.pid > 0 ? `/proc/${c.pid}/root` : '',
      UpperDir: dirs.diff,
      WorkDir: dirs.work,
    },
  }
}

/** The address asked for on the container's own network; told to clients before API 1.52. */
function wantedMac(c: Container): { MacAddress?: string } {
  const endpoints = c.detail.networking.EndpointsConfig ?? {}
  const mac = endpoints[c.hostConfig.NetworkMode ?? '']?.MacAddress
  return mac ? { MacAddress: mac } : {}
}
