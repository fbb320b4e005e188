/** `GET /distribution/{name}/json`: a manifest in its registry (moby: daemon/server/router/distribution). */
import type {
  AuthConfig,
  DistributionInspect,
  DistributionPlatform,
  DistributionReferrers,
} from '@tdocker/api'
import {
  type ImageManifest,
  InvalidManifest,
  MEDIA_TYPE,
  type Manifest,
  type Reference,
  canonicalString,
  familiarName,
  parseAnyReference,
  parseManifest,
  withDefaultTag,
} from '@tdocker/oci'
import { EngineError, invalidParameter, system } from '../base/errors.ts'
import type { RegistryClient } from './registry-client.ts'
import { listReferrers } from './referrers.ts'
import { RegistryError, plainError } from './registry-error.ts'
import { type FetchedManifest, MAX_CONFIG, type Repository } from './repository.ts'

export function inspectDistribution(
  registry: RegistryClient,
  name: string,
  o: { auth?: AuthConfig; signal: AbortSignal },
): Promise<DistributionInspect> {
  return visitNamed(registry, name, o, (repository, reference) =>
    inspect(repository, reference, o.signal),
  )
}

/** `GET /distribution/{name}/referrers` */
export function inspectReferrers(
  registry: RegistryClient,
  name: string,
  o: { artifactType: string; auth?: AuthConfig; signal: AbortSignal },
): Promise<DistributionReferrers> {
  return visitNamed(registry, name, o, (repository, reference) =>
    listReferrers(repository, reference, o),
  )
}

/** Errors are the registry's own words, with the status that they stand for. */
async function visitNamed<T>(
  registry: RegistryClient,
  name: string,
  o: { auth?: AuthConfig; signal: AbortSignal },
  visit: (repository: Repository, reference: Reference) => Promise<T>,
): Promise<T> {
  const reference = parse(name)
  if (familiarName(reference) === 'scratch') throw invalidParameter("'scratch' is a reserved name")
  try {
    return await registry.visit(reference, { auth: o.auth, signal: o.signal }, (repository) =>
      visit(repository, reference),
    )
  } catch (error) {
    const told = plainError(error)
    if (!(error instanceof RegistryError) || !(told instanceof EngineError)) throw told
    throw new EngineError(told.kind, error.whole, { cause: error })
  }
}

function parse(name: string): Reference {
  let found
  try {
    found = parseAnyReference(name)
  } catch (error) {
    throw invalidParameter(error instanceof Error ? error.message : String(error), error)
  }
  if (found.kind === 'id') throw system('no manifest found for full image ID')
  return withDefaultTag(found.reference)
}

async function inspect(
  repository: Repository,
  reference: Reference,
  signal: AbortSignal,
): Promise<DistributionInspect> {
  const { tag = '' } = reference
  const target = reference.digest ?? (await repository.headManifest(tag, signal))?.digest ?? tag
  const fetched = await repository.getManifest(target, signal)
  const manifest = read(fetched, reference)
  const { digest, bytes } = fetched
  return {
    Descriptor: { mediaType: manifest.mediaType, digest, size: bytes.length },
    Platforms: await platformsOf(repository, manifest, signal),
  }
}

function read(fetched: FetchedManifest, reference: Reference): Manifest {
  let manifest: Manifest
  try {
    manifest = parseManifest(fetched.bytes, fetched.mediaType)
  } catch (error) {
    if (error instanceof InvalidManifest) throw system(error.message, error)
    throw error
  }
  if (manifest.kind !== 'schema1') return manifest
  throw invalidParameter(
    `Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of ${canonicalString(reference)} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/`,
  )
}

/** As moby, which reads no configuration of an OCI image here. */
async function platformsOf(
  repository: Repository,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<DistributionPlatform[] | null> {
  if (manifest.kind === 'index') {
    const platforms = manifest.manifests.map((entry) => wirePlatform(entry.platform ?? {}))
    return platforms.length === 0 ? null : platforms
  }
  if (manifest.kind !== 'manifest' || manifest.mediaType !== MEDIA_TYPE.dockerManifest) return null
  const platform = wirePlatform(await configOf(repository, manifest, signal))
  return platform.os === '' && platform.architecture === '' ? null : [platform]
}

/** A configuration that cannot be had leaves the platform unknown. */
async function configOf(
  repository: Repository,
  manifest: ImageManifest,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  try {
    const config: unknown = JSON.parse(
      (await repository.getBlob(manifest.config, MAX_CONFIG, signal)).toString(),
    )
    return typeof config === 'object' && config !== null ? (config as Record<string, unknown>) : {}
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Error) return {}
    throw error
  }
}

function wirePlatform(of: object): DistributionPlatform {
  const fields = of as Record<string, unknown>
  const text = (name: string): string => {
    const value = fields[name]
    return typeof value === 'string' ? value : ''
  }
  const features = fields['os.features']
  return {
    architecture: text('architecture'),
    os: text('os'),
    ...(text('os.version') !== '' && { 'os.version': text('os.version') }),
    ...(Array.isArray(features) && features.length > 0 && { 'os.features': features as string[] }),
    ...(text('variant') !== '' && { variant: text('variant') }),
  }
}
