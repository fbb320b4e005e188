import { authFor, encodeAuth } from '../../client/credentials.ts'
import { showProgress } from '../../format/progress.ts'
import { parseReference } from '../../format/reference.ts'
import type { Cli } from '../cli.ts'

export interface PullOptions {
  readonly platform: string
  readonly quiet: boolean
  readonly allTags?: boolean
  /** Where the progress is shown. */
  readonly out: NodeJS.WriteStream
}

/** Pulls an image with the user's credentials for its registry, showing progress. */
export async function pullImage(cli: Cli, name: string, options: PullOptions): Promise<void> {
  const reference = parseReference(name)
  const { tag, digest, domain, path } = reference
  const auth = await authFor(cli.config.data, domain)
  const response = await cli.client.request('POST', '/images/create', {
    query: {
      fromImage: `${domain}/${path}`,
      // A digest goes where the tag goes; without either and not "all tags" it is latest.
      tag: digest ?? tag ?? (options.allTags ? undefined : 'latest'),
      platform: options.platform || undefined,
    },
    headers: auth ? { 'X-Registry-Auth': encodeAuth(auth) } : {},
  })
  await showProgress(response, options.out, options.quiet)
}
