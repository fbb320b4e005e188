/** What refers to a manifest: signatures, SBOMs and their kin (distribution-spec 1.1, "Listing Referrers"). */
import type { DistributionReferrers } from '@tdocker/api'
import {
  type Descriptor,
  InvalidManifest,
  MEDIA_TYPE,
  type Reference,
  digestAlgorithm,
  digestHex,
  parseManifest,
} from '@tdocker/oci'
import { system } from '../base/errors.ts'
import { readBody } from './read-body.ts'
import { RegistryError, UnexpectedResponse } from './registry-error.ts'
import { MAX_MANIFEST, type Repository, failure, headerOf, nextPage } from './repository.ts'

/** A registry may go on listing; nobody reads more. */
const MAX_REFERRERS = 10_000

/**
 * Asks the referrers API, and where a registry has none the index under the tag that stands for it.
 * `artifactType` empty: of all types. None is an empty list.
 */
export async function listReferrers(
  repository: Repository,
  reference: Reference,
  o: { artifactType: string; signal: AbortSignal },
): Promise<DistributionReferrers> {
  const { tag = '' } = reference
  const subject =
    reference.digest ??
    (await repository.headManifest(tag, o.signal))?.digest ??
    (await repository.getManifest(tag, o.signal)).digest
  const found = (await byApi(repository, subject, o)) ?? (await byTag(repository, subject, o))
  const wanted = found.filter((one) => o.artifactType === '' || one.artifactType === o.artifactType)
  return { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: wanted }
}

/** Undefined where the registry does not know the API: any 404. */
async function byApi(
  repository: Repository,
  subject: string,
  { artifactType, signal }: { artifactType: string; signal: AbortSignal },
): Promise<Descriptor[] | undefined> {
  const query = artifactType === '' ? '' : `?artifactType=${encodeURIComponent(artifactType)}`
  const found: Descriptor[] = []
  let path: string | URL = `referrers/${subject}${query}`
  while (found.length < MAX_REFERRERS) {
    const response = await repository.request({ method: 'GET', path, signal })
    if (response.status !== 200) {
      const error = await failure(response)
      if (response.status === 404) return undefined
      throw error
    }
    found.push(
      ...entries(await readBody(response, MAX_MANIFEST), headerOf(response, 'content-type')),
    )
    const next = nextPage(response)
    if (next === undefined) break
    path = next
  }
  return found
}

/** `sha256-<hex>`: an index that clients keep for registries without the API. */
async function byTag(
  repository: Repository,
  subject: string,
  { signal }: { signal: AbortSignal },
): Promise<Descriptor[]> {
  const tag = `${digestAlgorithm(subject)}-${digestHex(subject)}`
  try {
    const { bytes, mediaType } = await repository.getManifest(tag, signal)
    return entries(bytes, mediaType)
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return []
    throw error
  }
}

function entries(body: Buffer, mediaType: string): Descriptor[] {
  try {
    const index = parseManifest(body, mediaType)
    if (index.kind === 'index') return index.manifests
  } catch (error) {
    if (!(error instanceof InvalidManifest)) throw error
    throw system(error.message, error)
  }
  throw new UnexpectedResponse('the list of referrers is no image index', 0)
}
