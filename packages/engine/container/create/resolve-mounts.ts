import type { ContainerConfig, HostConfig } from '@tdocker/api'
import { EngineError, invalidParameter, system } from '../../base/errors.ts'
import type { RollbackScope } from '../../base/scope.ts'
import type { Context } from '../context.ts'
import { duplicateMountPoint } from '../messages.ts'
import type { VolumeHandle } from '../needs.ts'
import { type MountRecord, targetOf } from './mount-record.ts'
import { anonymousVolume, mountFromSpec, parseBind, parseVolumesFrom } from './mount-spec.ts'
import { cleanPath } from './validate-config.ts'

/**
 * Decides what is mounted where: volumes of other containers, then binds, then mounts, then the
 * image's and the user's anonymous volumes where nothing else is. Later kinds replace earlier ones.
 */
export function planMounts(
  ctx: Context,
  config: ContainerConfig,
  host: HostConfig,
  readOnlyNonRecursive: boolean,
): MountRecord[] {
  const byTarget = new Map<string, MountRecord>()
  for (const from of host.VolumesFrom ?? [])
    for (const record of volumesFrom(ctx, from)) byTarget.set(record.destination, record)
  for (const record of ownMounts(host, readOnlyNonRecursive, ctx.config.dataRoot))
    byTarget.set(record.destination, record)
  for (const target of Object.keys(config.Volumes ?? {})) {
    const record = anonymousVolume(target, host.VolumeDriver ?? '')
    const taken = byTarget.has(record.destination) || hasTmpfs(host, record.destination)
    if (!taken) byTarget.set(record.destination, record)
  }
  return [...byTarget.values()]
}

function ownMounts(
  host: HostConfig,
  readOnlyNonRecursive: boolean,
  dataRoot: string,
): MountRecord[] {
  const records: MountRecord[] = []
  const seen = new Set<string>()
  const add = (record: MountRecord, written = record.destination): void => {
    if (record.type === 'volume') record.mode ||= 'z'
    if (readOnlyNonRecursive) record.recursiveReadonly = false
    if (seen.has(record.destination)) throw duplicateMountPoint(written)
    seen.add(record.destination)
    records.push(record)
  }
  for (const text of host.Binds ?? []) {
    const record = parseBind(text, host.VolumeDriver ?? '')
    spareDataRoot(record, dataRoot, record.mode.split(',').includes(record.propagation))
    if (hasTmpfs(host, record.destination)) throw duplicateMountPoint(record.destination)
    add(record)
  }
  for (const mount of host.Mounts ?? []) {
    const record = mountFromSpec(mount)
    spareDataRoot(record, dataRoot, Boolean(mount.BindOptions?.Propagation))
    add(record, mount.Target)
  }
  return records
}

/**
 * A container that holds private copies of what is mounted around the data root could keep it from
 * being unmounted, so moby makes such binds slaves where nobody says otherwise.
 */
function spareDataRoot(record: MountRecord, dataRoot: string, said: boolean): void {
  const { type, source } = record
  if (type !== 'bind' || !(source.startsWith(dataRoot) || dataRoot.startsWith(source))) return
  if (!said) {
    record.propagation = 'rslave'
    record.yieldingPropagation = true
  } else if (record.propagation !== 'rslave' && record.propagation !== 'rshared')
    throw invalidParameter(
      `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: ${JSON.stringify(dataRoot)}, bind mount source: ${JSON.stringify(source)}, propagation: ${JSON.stringify(record.propagation)}`,
    )
}

function hasTmpfs(host: HostConfig, target: string): boolean {
  return Object.keys(host.Tmpfs ?? {}).some((key) => cleanPath(key) === target)
}

/** A volume shared again is not filled again. */
function volumesFrom(ctx: Context, text: string): MountRecord[] {
  const { container, readWrite } = parseVolumesFrom(text)
  try {
    return ctx.registry.get(container).detail.mounts.map((record) => ({
      ...record,
      readWrite: record.readWrite && readWrite,
      copyData: false,
      mode: '',
      // Docker keeps no word of a `--mount` that refused to make one.
      createSource: true,
    }))
  } catch (error) {
    throw invalidParameter(error instanceof EngineError ? error.message : String(error), error)
  }
}

export interface AcquiredVolume {
  handle: VolumeHandle
  record: MountRecord
}

/** Finds or makes the volumes of `mounts`, writing names and mountpoints into the records. */
export async function acquireVolumes(
  ctx: Context,
  host: HostConfig,
  mounts: readonly MountRecord[],
  scope: RollbackScope,
): Promise<AcquiredVolume[]> {
  const acquired: AcquiredVolume[] = []
  for (const record of mounts) {
    if (record.type !== 'volume' || record.source !== '') continue
    const wish = host.Mounts?.find(
      (mount) => mount.Type === 'volume' && cleanPath(mount.Target ?? '') === record.destination,
    )?.VolumeOptions
    const handle = await ctx.volumes.acquire({
      name: record.name,
      driver: record.driver,
      labels: wish?.Labels ?? {},
      options: wish?.DriverConfig?.Options ?? {},
    })
    scope.undo('release volume', () => (handle.created ? handle.discard() : handle.release()))
    record.name = handle.name
    record.driver = handle.driver
    record.source = handle.mountpoint
    // Labels of SELinux are for what lies here.
    if (handle.driver !== 'local' && record.mode === 'z') record.mode = ''
    acquired.push({ handle, record })
  }
  return acquired
}

/**
 * Copy-up: fills empty volumes from the image's directories of the same path. The image is read
 * through a descriptor of its layers, never through a path.
 */
export async function populateVolumes(
  ctx: Context,
  lowers: readonly string[],
  volumes: readonly AcquiredVolume[],
): Promise<void> {
  const wanting = volumes.filter(({ record }) => record.copyData)
  if (wanting.length === 0 || lowers.length === 0) return
  try {
    await copyUp(ctx, lowers, wanting)
  } catch (error) {
    if (error instanceof EngineError) throw error
    throw system(`failed to populate volume: ${(error as Error).message}`, error)
  }
}

async function copyUp(
  ctx: Context,
  lowers: readonly string[],
  volumes: readonly AcquiredVolume[],
): Promise<void> {
  const root = await openLayers(ctx, lowers)
  try {
    for (const { handle, record } of volumes) {
      const path = targetOf(record)
      const stat = await ctx.native.statIn({ root, path, follow: true })
      if (stat?.type === 'directory')
        await ctx.volumes.populate(handle, { root, path }, record.subpath ?? '')
      else if (stat && record.anonymous)
        throw system(`cannot mount volume over existing file, file exists ${path}`)
    }
  } finally {
    ctx.native.closeFd(root)
  }
}

/** overlayfs without an upper directory needs two lower ones; a single layer is the tree itself. */
export async function openLayers(ctx: Context, lowers: readonly string[]): Promise<number> {
  return lowers.length === 1
    ? ctx.native.openRoot(lowers[0]!)
    : await ctx.native.overlayOpen({ lowers })
}
