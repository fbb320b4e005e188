/** FROM a directory: an image of its files. */
import type { Platform } from '@tdocker/oci'
import { plainCopy } from '../graph/operation.ts'
import type { BuildImage } from '../needs.ts'
import type { Build } from './build.ts'
import { silentStep } from './build-trace.ts'
import { copyOperation } from './copy-operation.ts'

export async function imageOfDirectory(
  build: Build,
  o: { name: string; path: string; platform: Platform; signal: AbortSignal },
): Promise<BuildImage> {
  const { name, path, platform, signal } = o
  const id = await copyOperation(
    build,
    plainCopy({ config: {}, createdBy: ['/bin/sh', '-c'], from: name, source: '/' }),
    {
      parentId: undefined,
      platform,
      sourceOf: async () => ({ kind: 'directory', path }),
      say: () => {},
      sayError: () => {},
      noCache: build.options.noCache,
      traced: silentStep(),
      signal,
    },
  )
  return build.images.get(id)
}
