import type { ServerResponse } from 'node:http'
import { MEDIA_TYPE } from '@tdocker/oci'
import type { Blob } from '../image-maker.ts'

/** The referrers API (distribution-spec 1.1, "Listing Referrers"). */
export function referrersOf(
  response: ServerResponse,
  manifests: readonly Blob[],
  of: { subject: string; artifactType: string },
): void {
  const all = manifests.flatMap((manifest) => referrer(manifest, of.subject))
  const wanted = all.filter((one) => of.artifactType === '' || one.artifactType === of.artifactType)
  response.writeHead(200, {
    'content-type': MEDIA_TYPE.ociIndex,
    ...(of.artifactType !== '' && { 'oci-filters-applied': 'artifactType' }),
  })
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: wanted }
  response.end(JSON.stringify(index))
}

interface Referrer {
  mediaType: string
  digest: string
  size: number
  artifactType: string
  annotations?: Record<string, string>
}

function referrer(manifest: Blob, subject: string): Referrer[] {
  const body = JSON.parse(manifest.bytes.toString()) as {
    subject?: { digest: string }
    artifactType?: string
    config?: { mediaType: string }
    annotations?: Record<string, string>
  }
  if (body.subject?.digest !== subject) return []
  const { mediaType, digest, size } = manifest
  const artifactType = body.artifactType ?? body.config?.mediaType ?? ''
  const { annotations } = body
  return [{ mediaType, digest, size, artifactType, ...(annotations && { annotations }) }]
}
