import type { ContainerConfig } from '@tdocker/api'
import { flagOr, list, text } from '@tdocker/api/query.ts'
import type { ContainerBackend } from '../backend.ts'
import type { Exchange } from '../exchange.ts'
import type { Routes } from '../router.ts'

export function commitRoutes(containers: Pick<ContainerBackend, 'commit'>): Routes {
  return {
    ImageCommit: async (x) => {
      const config = await configOf(x)
      const Id = await containers.commit(text(x.query, 'container'), {
        repo: text(x.query, 'repo'),
        tag: text(x.query, 'tag'),
        author: text(x.query, 'author'),
        comment: text(x.query, 'comment'),
        changes: list(x.query, 'changes'),
        pause: flagOr(x.query, 'pause', true),
        ...(config && { config }),
        signal: x.signal,
      })
      x.json(201, { Id })
    },
  }
}

/** A body that says nothing of a config is as good as none. */
async function configOf(x: Exchange): Promise<ContainerConfig | undefined> {
  const body = await x.body(commitRequest)
  return body && Object.keys(body).length > 0 ? body : undefined
}

const commitRequest = async () =>
  (await import('@tdocker/api/schema/container-config.ts')).CommitRequest
