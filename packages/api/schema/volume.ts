import { Type, type Static } from 'typebox'

export const VolumeCreateRequest = Type.Object(
  {
    Name: Type.Optional(Type.String()),
    Driver: Type.Optional(Type.String()),
    DriverOpts: Type.Optional(Type.Record(Type.String(), Type.String())),
    Labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    ClusterVolumeSpec: Type.Optional(Type.Unknown()),
  },
  { go: 'volume.CreateRequest' },
)
export type VolumeCreateRequest = Static<typeof VolumeCreateRequest>

export interface Volume {
  Name: string
  Driver: string
  Mountpoint: string
  CreatedAt: string
  Status?: Record<string, unknown>
  Labels: Record<string, string> | null
  Scope: 'local' | 'global'
  ClusterVolume?: unknown
  Options: Record<string, string> | null
  /** Only in `system df`. */
  UsageData?: { Size: number; RefCount: number }
}

export interface VolumeListResponse {
  Volumes: Array<Volume>
  Warnings: Array<string> | null
}
