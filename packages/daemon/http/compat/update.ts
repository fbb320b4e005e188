/** Updates as older clients mean them. */
import type { ContainerUpdateRequest } from '@tdocker/api'
import { since } from '@tdocker/api/versions.ts'

/** Without the fields that a version could not change yet; 0 and less is no limit of pids. */
export function updateRequestFor(
  body: ContainerUpdateRequest,
  version: string,
): ContainerUpdateRequest {
  const told = { ...body }
  if (!since(version, 'updatePidsLimit')) delete told.PidsLimit
  if (!since(version, 'updateBlkioDevices')) {
    delete told.BlkioWeightDevice
    delete told.BlkioDeviceReadBps
    delete told.BlkioDeviceWriteBps
    delete told.BlkioDeviceReadIOps
    delete told.BlkioDeviceWriteIOps
  }
  if (told.PidsLimit !== undefined && told.PidsLimit <= 0) told.PidsLimit = 0
  return told
}
