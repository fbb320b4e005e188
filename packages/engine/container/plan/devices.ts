import { lstat, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostConfig } from '@tdocker/api'
import type { DeviceRule } from '@tdocker/kernel/native.ts'
import type { PlanDevice } from '@tdocker/kernel/shim/plan.ts'
import { system } from '../../base/errors.ts'

/** Nodes that every container has (OCI runtime spec, default devices). */
export const defaultDevices: readonly PlanDevice[] = [
  node('/dev/null', 1, 3),
  node('/dev/zero', 1, 5),
  node('/dev/full', 1, 7),
  node('/dev/random', 1, 8),
  node('/dev/urandom', 1, 9),
  node('/dev/tty', 5, 0),
]

/** Links that every container's /dev has. */
export const deviceLinks: ReadonlyArray<readonly [string, string]> = [
  ['/dev/ptmx', 'pts/ptmx'],
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
  ['/dev/core', '/proc/kcore'],
]

/** Nothing, but nodes may be made (not used), the default ones, /dev/console, ptmx and ptys. */
const defaultRules: readonly DeviceRule[] = [
  { allow: false, type: 'a', major: -1, minor: -1, access: 'rwm' },
  { allow: true, type: 'c', major: -1, minor: -1, access: 'm' },
  { allow: true, type: 'b', major: -1, minor: -1, access: 'm' },
  ...defaultDevices.map(({ major, minor }) => charRule(major, minor)),
  charRule(5, 1),
  charRule(5, 2),
  charRule(136, -1),
]

const everything: readonly DeviceRule[] = [
  { allow: true, type: 'a', major: -1, minor: -1, access: 'rwm' },
]

/** A `--device`, resolved: nodes to make and rules for them. */
export interface ResolvedDevices {
  devices: PlanDevice[]
  rules: DeviceRule[]
}

/**
 * Looks at the host for `HostConfig.Devices` (a directory means every node in it) and, privileged,
 * for all nodes of /dev. Throws system with Docker's sentence when there is no such device.
 */
export async function resolveDevices(
  hostConfig: HostConfig,
  hostDev = '/dev',
): Promise<ResolvedDevices> {
  const privileged = hostConfig.Privileged === true
  const devices: PlanDevice[] = privileged ? await hostDevices(hostDev) : []
  const rules: DeviceRule[] = []
  for (const mapping of hostConfig.Devices ?? []) {
    const from = mapping.PathOnHost ?? ''
    const to = mapping.PathInContainer || from
    if (privileged && from === to) continue
    // As runc, which leaves out letters it does not know.
    const wanted = (mapping.CgroupPermissions || 'rwm').replace(/[^rwm]/g, '')
    const access = privileged ? 'rwm' : wanted
    for (const device of await nodesAt(from, to)) {
      devices.push(device)
      if (access !== '') rules.push(ruleOf(device, access))
    }
  }
  return { devices, rules }
}

/** Rules of a container's device cgroup, in order; the last that matches decides. */
export function deviceRules(
  hostConfig: HostConfig,
  resolved: ResolvedDevices,
): readonly DeviceRule[] {
  if (hostConfig.Privileged === true) return everything
  const given = (hostConfig.DeviceCgroupRules ?? []).map(parseDeviceCgroupRule)
  return [...defaultRules, ...resolved.rules, ...given]
}

/** 'c 10:200 rwm', 'b 8:* r', 'a *:* rwm'. */
export function parseDeviceCgroupRule(text: string): DeviceRule {
  const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text)
  const [, type, major = '', minor = '', access = ''] = match ?? []
  // Not the request's fault in Docker: it looks at rules only when the container starts.
  if (type === undefined) throw system(`invalid device cgroup rule format: '${text}'`)
  const number = (digits: string): number => (digits === '*' ? -1 : Number(digits))
  return {
    allow: true,
    type: type as DeviceRule['type'],
    major: number(major),
    minor: number(minor),
    access,
  }
}

async function nodesAt(from: string, to: string): Promise<PlanDevice[]> {
  const failed = (reason: string): Error =>
    system(`error gathering device information while adding custom device "${from}": ${reason}`)
  let resolved: string
  try {
    resolved = await realpath(from)
  } catch {
    throw failed('no such file or directory')
  }
  const device = await deviceAt(resolved, to)
  if (device) return [device]
  const directory = (await stat(resolved)).isDirectory()
  const found = directory ? await nodesBelow(resolved, to, new Set()) : []
  if (found.length === 0) throw failed('not a device node')
  return found
}

/** Made by the container's own devpts, mqueue and shm mounts, or its console. */
const notOfTheHost: ReadonlySet<string> = new Set(
  'pts shm fd mqueue console .lxc .lxd-mounts .udev'.split(' '),
)

async function hostDevices(hostDev: string): Promise<PlanDevice[]> {
  const given = new Set(defaultDevices.map((device) => device.path))
  const found = await nodesBelow(hostDev, '/dev', notOfTheHost)
  // ptmx is a link to the container's own instance.
  return found.filter(({ path }) => !given.has(path) && path !== '/dev/ptmx')
}

async function nodesBelow(
  directory: string,
  target: string,
  skip: ReadonlySet<string>,
): Promise<PlanDevice[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  const nested = await Promise.all(
    entries
      .filter((entry) => !skip.has(entry.name))
      .map(async (entry) => {
        const from = join(directory, entry.name)
        const to = join(target, entry.name)
        if (entry.isDirectory()) return nodesBelow(from, to, skip)
        const device = await deviceAt(from, to)
        return device && device.type !== 'p' ? [device] : []
      }),
  )
  return nested.flat()
}

async function deviceAt(path: string, target: string): Promise<PlanDevice | undefined> {
  const info = await lstat(path).catch(() => undefined)
  if (!info || !(info.isCharacterDevice() || info.isBlockDevice() || info.isFIFO())) {
    return undefined
  }
  const { major, minor } = splitDevice(BigInt(info.rdev))
  const type = info.isFIFO() ? 'p' : info.isBlockDevice() ? 'b' : 'c'
  return {
    path: target,
    type,
    major,
    minor,
    mode: info.mode & 0o7777,
    uid: info.uid,
    gid: info.gid,
  }
}

/** glibc's dev_t: 12 low bits of the major at 8, 8 low bits of the minor at 0, the rest above. */
function splitDevice(rdev: bigint): { major: number; minor: number } {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffff_ffffn)
  return { major: Number(major), minor: Number(minor) }
}

function ruleOf(device: PlanDevice, access: string): DeviceRule {
  const type = device.type === 'b' ? 'b' : 'c'
  return { allow: true, type, major: device.major, minor: device.minor, access }
}

function charRule(major: number, minor: number): DeviceRule {
  return { allow: true, type: 'c', major, minor, access: 'rwm' }
}

function node(path: string, major: number, minor: number): PlanDevice {
  return { path, type: 'c', major, minor, mode: 0o666, uid: 0, gid: 0 }
}
