import { parseFilters } from '@tdocker/api/filters.ts'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { integer, list, text } from '@tdocker/api/query.ts'
import { decodeRegistryAuth, registryAuthHeader } from '@tdocker/api/registry-auth.ts'
import type { RegistryBackend } from '../backend.ts'
import { HttpError } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Routes } from '../router.ts'

export function registryRoutes(registries: RegistryBackend): Routes {
  return {
    DistributionInspect: async (x) =>
      x.json(200, await registries.inspectDistribution(x.param('name'), asked(x))),
    DistributionReferrers: async (x) => {
      const artifactType = text(x.query, 'artifactType')
      x.json(200, await registries.referrers(x.param('name'), { artifactType, ...asked(x) }))
    },
    ImageSearch: async (x) => {
      const limit = searchLimit(x)
      const filters = parseFilters(text(x.query, 'filters'), 'ImageSearch')
      const term = text(x.query, 'term')
      x.json(200, await registries.search({ term, limit, filters, ...asked(x) }))
    },
    ImageAttestations: refuseAttestations,
  }
}

function asked(x: Exchange): Pick<Parameters<RegistryBackend['search']>[0], 'auth' | 'signal'> {
  const auth = decodeRegistryAuth(x.header(registryAuthHeader))
  return { ...(auth && { auth }), signal: x.signal }
}

function searchLimit(x: Exchange): number {
  try {
    return integer(x.query, 'limit') ?? 0
  } catch (error) {
    throw new InvalidRequest(`invalid limit specified: ${(error as Error).message}`)
  }
}

/** As dockerd with a store of layers: it keeps the manifests of images, not those beside them. */
function refuseAttestations(x: Exchange): void {
  if (!x.since('attestations')) {
    throw new InvalidRequest('GET /images/{name:.*}/attestations requires minimum API version 1.55')
  }
  const platforms = list(x.query, 'platform')
  if (platforms.length > 1) {
    throw new InvalidRequest('only one platform value is currently supported')
  }
  throw new HttpError(501, 'the legacy image store does not support attestations')
}
