/** Mounts of a build's steps, which no client can ask for. */
import type { StepMount } from '../../backend-types.ts'
import type { MountRecord } from './mount-record.ts'
import { blankRecord } from './mount-spec.ts'

export function stepMountRecord(mount: StepMount): MountRecord {
  const blank = blankRecord(mount.target)
  if (mount.kind === 'overlay') {
    const { lowers, directory, subpath } = mount
    return {
      ...blank,
      type: 'image',
      propagation: 'rprivate',
      overlay: { lowers, directory },
      ...(subpath !== '' && { subpath }),
    }
  }
  // What BuildKit's tmpfs has of its options: nosuid alone.
  const Options = [['exec'], ['dev']]
  return {
    ...blank,
    readWrite: !mount.readOnly,
    hides: true,
    tmpfs: { Options, ...(mount.size > 0 && { SizeBytes: mount.size }) },
  }
}
