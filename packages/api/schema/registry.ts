/** What registries are asked for on a client's behalf. Answers only: nothing of it is read from clients. */

/** `GET /distribution/{name}/json` */
export interface DistributionInspect {
  Descriptor: DistributionDescriptor
  /** Null where the manifest tells of none. */
  Platforms: DistributionPlatform[] | null
}

export interface DistributionDescriptor {
  mediaType: string
  digest: string
  size: number
}

export interface DistributionPlatform {
  architecture: string
  os: string
  'os.version'?: string
  'os.features'?: string[]
  variant?: string
}

/** `GET /distribution/{name}/referrers`, of ours: an image index (image-spec) of what refers to it. */
export interface DistributionReferrers {
  schemaVersion: 2
  mediaType: string
  manifests: Array<
    DistributionDescriptor & { artifactType?: string; annotations?: Record<string, string> }
  >
}

/** One hit of `GET /images/search`. */
export interface SearchResult {
  star_count: number
  is_official: boolean
  name: string
  /** Always false: the registries' word is not trusted. */
  is_automated: boolean
  description: string
}
