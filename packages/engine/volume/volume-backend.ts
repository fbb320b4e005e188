/** What volumes offer to whoever speaks to clients; the daemon's routes ask for the same by structure. */
import type { Volume, VolumeCreateRequest, VolumeListResponse } from '@tdocker/api'
import type { Filters } from '../backend-types.ts'

export interface VolumePruneReport {
  VolumesDeleted: string[]
  SpaceReclaimed: number
}

export interface VolumeBackend {
  list(o: { filters: Filters }): Promise<VolumeListResponse>
  /** Throws notFound `get x: no such volume`. */
  inspect(name: string): Promise<Volume>
  /** Answers the one that is there when the name is taken. */
  create(body: VolumeCreateRequest): Promise<Volume>
  /** `force`: a volume that is not there is fine. */
  remove(name: string, o: { force: boolean }): Promise<void>
  /** Unused volumes: anonymous ones, or with the filter `all` named ones as well. */
  prune(o: { filters: Filters }): Promise<VolumePruneReport>
}
