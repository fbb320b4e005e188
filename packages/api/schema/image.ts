import type { DriverData, HealthConfig } from './container.ts'

/** Empty fields are absent from API 1.52 on. */
export interface ImageConfig {
  User?: string
  ExposedPorts?: Record<string, Record<string, never>> | null
  Env?: string[] | null
  Cmd?: string[] | null
  Healthcheck?: HealthConfig
  ArgsEscaped?: boolean
  Volumes?: Record<string, Record<string, never>> | null
  WorkingDir?: string
  Entrypoint?: string[] | null
  OnBuild?: string[] | null
  Labels?: Record<string, string> | null
  StopSignal?: string
  Shell?: string[]
}

export interface ImageDeleteResponseItem {
  Untagged?: string
  Deleted?: string
}

export interface ImageHistoryResponseItem {
  Id: string
  Created: number
  CreatedBy: string
  Tags: Array<string> | null
  Size: number
  Comment: string
}

export interface OCIPlatform {
  architecture: string
  os: string
  'os.version'?: string
  'os.features'?: string[]
  variant?: string
}

export interface OCIDescriptor {
  mediaType: string
  digest: string
  size: number
  urls?: string[]
  annotations?: Record<string, string>
  data?: string
  platform?: OCIPlatform
  artifactType?: string
}

export interface ImageManifestSummary {
  ID: string
  Descriptor: OCIDescriptor
  Available: boolean
  Size: { Total: number; Content: number }
  Kind: 'image' | 'attestation' | 'unknown'
  ImageData?: {
    Platform: OCIPlatform
    Identity?: unknown
    Containers: Array<string>
    Size: { Unpacked: number }
  } | null
  AttestationData?: { For: string } | null
}

export interface ImageInspect {
  Id: string
  Descriptor?: OCIDescriptor
  Manifests?: ImageManifestSummary[]
  Identity?: unknown
  RepoTags: string[]
  RepoDigests: string[]
  Parent?: string
  Comment?: string
  Created?: string
  DockerVersion?: string
  Author?: string
  Config: ImageConfig | null
  Architecture: string
  Variant?: string
  Os: string
  OsVersion?: string
  Size: number
  /** Below API 1.44: `Size` again. */
  VirtualSize?: number
  /** Below API 1.45. */
  Container?: string
  ContainerConfig?: Record<string, string | boolean | string[] | object | null>
  GraphDriver?: DriverData
  RootFS: { Type: string; Layers?: string[] }
  Metadata: { LastTagTime: string }
}

export interface ImageSummary {
  Id: string
  ParentId: string
  RepoTags: Array<string>
  RepoDigests: Array<string>
  Created: number
  Size: number
  SharedSize: number
  /** Below API 1.44: `Size` again. */
  VirtualSize?: number
  Labels: Record<string, string> | null
  Containers: number
  Manifests?: ImageManifestSummary[]
  Descriptor?: OCIDescriptor
}
