/** What registries offer to whoever speaks to clients. */
import type {
  AuthConfig,
  DistributionInspect,
  DistributionReferrers,
  SearchResult,
} from '@tdocker/api'
import type { Filters } from '../backend-types.ts'

export interface SearchOptions {
  /** Maybe with the registry's host in front: `registry.test/word`. */
  term: string
  /** 0: the registry's own, which is 25. */
  limit: number
  filters: Filters
  auth?: AuthConfig
  signal: AbortSignal
}

export interface RegistryBackend {
  /** What a tag or digest names in its registry, without pulling it. */
  inspectDistribution(
    name: string,
    o: { auth?: AuthConfig; signal: AbortSignal },
  ): Promise<DistributionInspect>
  /** Signatures and other artifacts that refer to what the name says. */
  referrers(
    name: string,
    o: { artifactType: string; auth?: AuthConfig; signal: AbortSignal },
  ): Promise<DistributionReferrers>
  search(o: SearchOptions): Promise<SearchResult[]>
}
