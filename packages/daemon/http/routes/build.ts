import { parseFilters } from '@tdocker/api/filters.ts'
import { InvalidRequest } from '@tdocker/api/invalid.ts'
import { integer, text } from '@tdocker/api/query.ts'
import type { SystemBackend } from '../backend.ts'
import type { Exchange } from '../exchange.ts'
import type { Routes } from '../router.ts'

export function buildRoutes(system: SystemBackend): Routes {
  return {
    BuildPrune: {
      since: 'buildPrune',
      handler: async (x) => {
        parseFilters(text(x.query, 'filters'), 'BuildPrune')
        checkSizes(x)
        x.json(200, await system.pruneBuildCache())
      },
    },
  }
}

function checkSizes(x: Exchange): void {
  const keys = x.since('buildPruneSpace')
    ? ['reserved-space', 'keep-storage', 'max-used-space', 'min-free-space']
    : ['keep-storage']
  for (const key of keys) {
    try {
      integer(x.query, key)
    } catch (error) {
      throw new InvalidRequest(
        `${key} is in bytes and expects an integer, got ${text(x.query, key)}: ${(error as Error).message}`,
      )
    }
  }
}
