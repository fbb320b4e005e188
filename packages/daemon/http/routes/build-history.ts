import type { BuildBackend } from '../backend.ts'
import type { Routes } from '../router.ts'

/** Builds that ran: operations of ours. */
export function buildHistoryRoutes(
  builds: Pick<BuildBackend, 'history' | 'inspectHistory'>,
): Routes {
  return {
    BuildHistoryList: async (x) => x.json(200, builds.history()),
    BuildHistoryInspect: async (x) => x.json(200, builds.inspectHistory(x.param('id'))),
  }
}
