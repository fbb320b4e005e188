import { flag } from '@tdocker/api/query.ts'
import type { SystemBackend } from '../backend.ts'
import type { Routes } from '../router.ts'

/** What is stored: operations of ours. */
export function contentRoutes(system: SystemBackend): Routes {
  return {
    ContentPrune: async (x) => x.json(200, await system.pruneContent()),
    ImageLastUsed: async (x) => x.json(200, await system.imagesLastUsed()),
    SystemFsck: async (x) => {
      const [deep, repair] = [flag(x.query, 'deep'), flag(x.query, 'repair')]
      x.json(200, await system.fsck({ deep, repair, signal: x.signal }))
    },
  }
}
