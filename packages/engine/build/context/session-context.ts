/** The context that a client sends over its session: only what is not here already. */
import { posix } from 'node:path'
import { invalidParameter } from '../../base/errors.ts'
import type { BuildOptions } from '../build-backend.ts'
import type { TreeNative } from '../copy/tree.ts'
import type { BuildSession } from '../session.ts'
import type { TracedStep } from '../solve/build-trace.ts'
import { type BuildContext, unpacked } from './tar-context.ts'

/** The client left out all that its ignore file names, and tells the files of the build apart. */
export async function takeSessionContext(
  native: TreeNative,
  session: BuildSession,
  { signal }: Pick<BuildOptions, 'signal'>,
  traced: TracedStep,
): Promise<BuildContext> {
  const status = traced.status('transferring context:')
  const taken = (size: number): void => status.update(size)
  const { path } = await session.directory('context', { signal, taken })
  status.done()
  const files = await session.listed(native, path)
  const whole = unpacked(native, async () => path)
  const own = (name: string): Promise<Buffer | undefined> =>
    session.file(posix.resolve('/', name).slice(1), signal)
  return {
    directory: whole.directory,
    ...(files && { files }),
    isFiltered: true,
    dockerfile: async (name) => {
      const text = await own(name || 'Dockerfile')
      if (text?.length === 0)
        throw invalidParameter(`the Dockerfile (${name || 'Dockerfile'}) cannot be empty`)
      return text ?? (await whole.dockerfile(name))
    },
    file: own,
  }
}
