import { UnexpectedResponse } from './registry-error.ts'
import { type Repository, failure, headerOf } from './repository.ts'
import { discard } from './transport.ts'

/** Names a manifest or index whose blobs the repository has; `target` is a tag or its digest. */
export async function putManifest(
  repository: Repository,
  target: string,
  manifest: { bytes: Uint8Array; digest: string; mediaType: string },
  signal: AbortSignal,
): Promise<void> {
  await repository.retry(signal, async () => {
    const response = await repository.request({
      method: 'PUT',
      path: `manifests/${target}`,
      headers: { 'content-type': manifest.mediaType },
      body: manifest.bytes,
      signal,
    })
    if (response.status < 200 || response.status >= 300) throw await failure(response)
    discard(response.body)
    const told = headerOf(response, 'docker-content-digest')
    if (told === '' || told === manifest.digest) return
    throw new UnexpectedResponse(`registry stored manifest ${manifest.digest} as ${told}`, 0)
  })
}
