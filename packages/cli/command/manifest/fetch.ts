/** Manifests of registries, in the form in which they are kept and shown. */
import { authFor } from '../../client/credentials.ts'
import { Repository, isUnknown, manifestTypes } from '../../client/registry/repository.ts'
import type { RemoteManifest } from '../../client/registry/repository.ts'
import type { Reference } from '../../format/reference.ts'
import type { Cli } from '../cli.ts'
import { wirePlatform } from './image-manifest.ts'
import type { ImageManifest, ManifestBody, Platform } from './image-manifest.ts'
import { fullName, targetOf } from './names.ts'

export async function repositoryOf(
  cli: Cli,
  reference: Reference,
  o: { insecure: boolean; write?: boolean },
): Promise<Repository> {
  const auth = (await authFor(cli.config.data, reference.domain)) ?? {}
  return new Repository({ reference, auth, ...o })
}

/** One image, or all images of a list. Throws `no such manifest`. */
export async function fetchManifests(
  cli: Cli,
  reference: Reference,
  insecure: boolean,
): Promise<ImageManifest | ImageManifest[]> {
  const repository = await repositoryOf(cli, reference, { insecure })
  try {
    const found = await repository.manifest(targetOf(reference))
    if (!isList(found)) return await imageOf(repository, reference, found)
    return await listOf(repository, reference, found)
  } catch (error) {
    if (isUnknown(error)) throw new Error(`no such manifest: ${fullName(reference)}`)
    throw error
  }
}

/** One image; a list is none. */
export async function fetchManifest(
  cli: Cli,
  reference: Reference,
  insecure: boolean,
): Promise<ImageManifest> {
  const found = await fetchManifests(cli, reference, insecure)
  if (Array.isArray(found)) throw new Error(`${fullName(reference)} is a manifest list`)
  return found
}

async function listOf(
  repository: Repository,
  reference: Reference,
  list: RemoteManifest,
): Promise<ImageManifest[]> {
  const { manifests = [] } = JSON.parse(list.bytes.toString()) as {
    manifests?: ReadonlyArray<{ digest: string; platform?: Partial<Platform> }>
  }
  const images: ImageManifest[] = []
  for (const { digest, platform } of manifests) {
    const found = await repository.manifest(digest)
    const image = await imageOf(repository, { ...reference, digest }, found)
    image.Descriptor.platform = wirePlatform(platform ?? {})
    images.push(image)
  }
  return images
}

async function imageOf(
  repository: Repository,
  reference: Reference,
  found: RemoteManifest,
): Promise<ImageManifest> {
  const body = JSON.parse(found.bytes.toString()) as ManifestBody & { mediaType?: string }
  const mediaType = body.mediaType ?? found.mediaType
  const isOci = mediaType === manifestTypes.ociManifest
  if (!isOci && mediaType !== manifestTypes.dockerManifest) {
    throw new Error(`${fullName(reference)} is not a manifest`)
  }
  const config = body.config ? await repository.blob(body.config.digest) : Buffer.from('{}')
  const platform = wirePlatform(JSON.parse(config.toString()) as Partial<Platform>)
  return {
    Ref: fullName(reference),
    Descriptor: { mediaType, digest: found.digest, size: found.bytes.length, platform },
    Raw: found.bytes.toString('base64'),
    ...(isOci ? { OCIManifest: body } : { SchemaV2Manifest: body }),
  }
}

function isList({ mediaType, bytes }: RemoteManifest): boolean {
  if (mediaType === manifestTypes.dockerList || mediaType === manifestTypes.ociIndex) return true
  const body = JSON.parse(bytes.toString()) as { mediaType?: string; manifests?: unknown }
  return body.mediaType === undefined && Array.isArray(body.manifests)
}
