import { flag, flagOr } from '@tdocker/api/query.ts'
import type { ContainerBackend } from '../backend.ts'
import { updateRequestFor } from '../compat/update.ts'
import { type Exchange, stringify } from '../exchange.ts'
import type { Routes } from '../router.ts'

/** What concerns a container's cgroup: its running state, its limits, what it uses. */
export function resourceRoutes(containers: ContainerBackend): Routes {
  return {
    ContainerPause: async (x) => {
      await containers.pause(x.param('id'))
      x.empty(204)
    },
    ContainerUnpause: async (x) => {
      await containers.unpause(x.param('id'))
      x.empty(204)
    },
    ContainerUpdate: async (x) => {
      const body = (await x.body(updateRequest)) ?? {}
      x.json(200, await containers.update(x.param('id'), updateRequestFor(body, x.version)))
    },
    ContainerStats: (x) => sendStats(x, containers),
  }
}

const updateRequest = async () =>
  (await import('@tdocker/api/schema/container.ts')).ContainerUpdateRequest

async function sendStats(x: Exchange, containers: ContainerBackend): Promise<void> {
  const stream = flagOr(x.query, 'stream', true)
  const oneShot = x.since('statsOneShot') && flag(x.query, 'one-shot')
  const samples = await containers.stats(x.param('id'), { stream, oneShot, signal: x.signal })
  // The head tells a client that the container is there, before its first second is over.
  if (stream) x.open('application/json')
  for await (const sample of samples) {
    if (!stream) return x.json(200, sample)
    if (!(await x.write(`${stringify(sample)}\n`))) break
  }
  // Removed before its second reading.
  if (!x.begun) x.open('application/json')
  x.end()
}
