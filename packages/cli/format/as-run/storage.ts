import type { ContainerConfig, HostConfig, ImageConfig, Mount } from '@tdocker/api'
import { csv, flag, listFlag, mapFlag, onFlag } from './flags.ts'
import type { Words } from './flags.ts'

const defaultShm = 64 * 1024 * 1024

/** Flags of what is mounted. */
export function storageFlags(config: ContainerConfig, host: HostConfig, image: ImageConfig): Words {
  const anonymous = Object.keys(config.Volumes ?? {}).filter(
    (path) => !Object.hasOwn(image.Volumes ?? {}, path),
  )
  return [
    ...onFlag('--read-only', host.ReadonlyRootfs),
    ...listFlag('--volume', host.Binds),
    ...listFlag('--volume', anonymous),
    ...listFlag('--volumes-from', host.VolumesFrom),
    ...flag('--volume-driver', host.VolumeDriver),
    ...listFlag('--mount', (host.Mounts ?? []).map(mountText)),
    ...mapFlag('--tmpfs', host.Tmpfs, ':'),
    ...(host.ShmSize === defaultShm ? [] : flag('--shm-size', host.ShmSize)),
    ...mapFlag('--storage-opt', host.StorageOpt),
  ]
}

function mountText(mount: Mount): string {
  const { Type, Source, Target, ReadOnly, Consistency } = mount
  const field = (key: string, value: string | undefined): string[] =>
    value ? [`${key}=${value}`] : []
  return csv([
    `type=${Type}`,
    ...field('src', Source),
    ...field('dst', Target),
    ...(ReadOnly ? ['readonly'] : []),
    ...field('consistency', Consistency),
    ...bindFields(mount),
    ...volumeFields(mount),
    ...tmpfsFields(mount),
    ...field('image-subpath', mount.ImageOptions?.Subpath),
  ])
}

function bindFields({ BindOptions: bind }: Mount): string[] {
  if (!bind) return []
  const recursive = bind.NonRecursive
    ? 'disabled'
    : bind.ReadOnlyNonRecursive
      ? 'writable'
      : bind.ReadOnlyForceRecursive
        ? 'readonly'
        : ''
  return [
    ...(bind.Propagation ? [`bind-propagation=${bind.Propagation}`] : []),
    ...(recursive ? [`bind-recursive=${recursive}`] : []),
    ...(bind.CreateMountpoint ? ['bind-create-src'] : []),
    ...(bind.IDMap === undefined ? [] : [bind.IDMap ? `idmap=${bind.IDMap}` : 'idmap']),
  ]
}

function volumeFields({ VolumeOptions: volume }: Mount): string[] {
  if (!volume) return []
  const pairs = (key: string, map: Readonly<Record<string, string>> | null | undefined): string[] =>
    Object.entries(map ?? {}).map(([name, value]) => `${key}=${name}=${value}`)
  return [
    ...(volume.NoCopy ? ['volume-nocopy'] : []),
    ...(volume.Subpath ? [`volume-subpath=${volume.Subpath}`] : []),
    ...(volume.DriverConfig?.Name ? [`volume-driver=${volume.DriverConfig.Name}`] : []),
    ...pairs('volume-opt', volume.DriverConfig?.Options),
    ...pairs('volume-label', volume.Labels),
  ]
}

function tmpfsFields({ TmpfsOptions: tmpfs }: Mount): string[] {
  return [
    ...(tmpfs?.SizeBytes ? [`tmpfs-size=${tmpfs.SizeBytes}`] : []),
    ...(tmpfs?.Mode ? [`tmpfs-mode=${tmpfs.Mode.toString(8)}`] : []),
  ]
}
