import { type DriverData, HealthConfig } from './container.ts'

export interface ImageConfig {
  User: string
  ExposedPorts: Record<string, Record<string, unknown>> | null
  Env: Array<string>
  Cmd: Array<string>
  Healthcheck: HealthConfig
  ArgsEscaped: boolean | null
  Volumes: Record<string, Record<string, unknown>>
  WorkingDir: string
  Entrypoint: Array<string>
  OnBuild: Array<string> | null
  Labels: Record<string, string>
  StopSignal: string | null
  Shell: Array<string> | null
}

export interface ImageDeleteResponseItem {
  Untagged: string
  Deleted: string
}

export interface ImageHistoryResponseItem {
  Id: string
  Created: number
  CreatedBy: string
  Tags: Array<string>
  Size: number
  Comment: string
}

export interface OCIPlatform {
  architecture: string
  os: string
  'os.version': string
  'os.features': Array<string>
  variant: string
}

export interface OCIDescriptor {
  mediaType: string
  digest: string
  size: number
  urls: Array<string> | null
  annotations: Record<string, string> | null
  data: string | null
  platform: OCIPlatform
  artifactType: string | null
}

export interface ImageManifestSummary {
  ID: string
  Descriptor: OCIDescriptor
  Available: boolean
  Size: { Total: number; Content: number }
  Kind: 'image' | 'attestation' | 'unknown'
  ImageData?: {
    Platform: OCIPlatform
    Identity: unknown | null
    Containers: Array<string>
    Size: { Unpacked: number }
  } | null
  AttestationData?: { For: string } | null
}

export interface ImageInspect {
  Id: string
  Descriptor: OCIDescriptor | null
  Manifests: Array<ImageManifestSummary> | null
  Identity: unknown | null
  RepoTags: Array<string>
  RepoDigests: Array<string>
  Comment: string | null
  Created: string | null
  Author: string | null
  Config: ImageConfig
  Architecture: string
  Variant: string | null
  Os: string
  OsVersion: string | null
  Size: number
  GraphDriver: DriverData | null
  RootFS: { Type: string; Layers: Array<string> }
  Metadata: { LastTagTime: string | null }
}

export interface ImageSummary {
  Id: string
  ParentId: string
  RepoTags: Array<string>
  RepoDigests: Array<string>
  Created: number
  Size: number
  SharedSize: number
  Labels: Record<string, string>
  Containers: number
  Manifests?: Array<ImageManifestSummary>
  Descriptor: OCIDescriptor | null
}
