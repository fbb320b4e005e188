import { parseFilters } from '@tdocker/api/filters.ts'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { flag, integer, text } from '@tdocker/api/query.ts'
import { OUTPUT_MESSAGE } from '@tdocker/engine/build/output/deliver.ts'
import type { BuildBackend, BuildOptions, ProgressMessage } from '../backend.ts'
import type { Exchange } from '../exchange.ts'
import { ProgressStream } from '../progress.ts'
import { sendArchive } from '../send-archive.ts'
import type { Routes } from '../router.ts'
import { traceMessage } from '../build-trace.ts'
import { buildOptions } from './build-options.ts'

export function buildRoutes(builds: BuildBackend): Routes {
  return {
    ImageBuild: (x) => build(x, builds),
    BuildOutput: async (x) =>
      sendArchive(x, await builds.takeOutput(x.param('token')), 'application/x-tar'),
    BuildSession: (x) => builds.openSession(text(x.query, 'id'), x.hijack),
    BuildPrune: {
      since: 'buildPrune',
      handler: async (x) => {
        const filters = parseFilters(text(x.query, 'filters'), 'BuildPrune')
        x.json(200, await builds.prune({ ...sizesOf(x), all: flag(x.query, 'all'), filters }))
      },
    },
  }
}

/** More output of a quiet build is not kept for its error. */
const MAX_QUIET = 1024 * 1024

async function build(x: Exchange, builds: BuildBackend): Promise<void> {
  const options = buildOptions(x)
  const wantsAux = x.since('buildAux')
  const traced = flag(x.query, 'trace') && options.call === ''
  const stream = new ProgressStream(x)
  const untilTold = (): Promise<void> | undefined => stream.untilTold()
  await stream.run(async (progress) => {
    if (traced) {
      // A display has no use for the classic text.
      const send = (message: ProgressMessage): void => {
        if (message.aux !== undefined) progress(message)
      }
      const trace: BuildOptions['trace'] = (status) => progress(traceMessage(status))
      await builds.build({ ...options, progress: send, untilTold, trace })
      return
    }
    if (!options.quiet || options.call !== '') {
      const send = (message: ProgressMessage): void => {
        if (message.aux === undefined || wantsAux) progress(message)
      }
      await builds.build({ ...options, progress: send, untilTold })
      return
    }
    const kept: ProgressMessage[] = []
    let size = 0
    const keep = (message: ProgressMessage): void => {
      // What somebody must come for does not wait.
      if (message.id === OUTPUT_MESSAGE) return progress(message)
      size += message.stream?.length ?? 0
      if (size <= MAX_QUIET) kept.push(message)
    }
    try {
      const id = await builds.build({ ...options, progress: keep })
      progress({ stream: `${id}\n` })
    } catch (error) {
      // What was held back tells why.
      for (const message of kept) progress(message)
      throw error
    }
  })
}

function sizesOf(x: Exchange): {
  reservedSpace: number
  maxUsedSpace: number
  minFreeSpace: number
} {
  const of = (key: string): number => {
    try {
      return integer(x.query, key) ?? 0
    } catch (error) {
      throw new InvalidRequest(
        `${key} is in bytes and expects an integer, got ${text(x.query, key)}: ${(error as Error).message}`,
      )
    }
  }
  if (!x.since('buildPruneSpace'))
    return { reservedSpace: of('keep-storage'), maxUsedSpace: 0, minFreeSpace: 0 }
  return {
    reservedSpace: of('reserved-space') || of('keep-storage'),
    maxUsedSpace: of('max-used-space'),
    minFreeSpace: of('min-free-space'),
  }
}
