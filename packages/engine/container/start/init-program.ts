import { chmod, copyFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { system } from '../../base/errors.ts'
import type { ContainersConfig } from '../containers-config.ts'

const made = new Map<string, Promise<string>>()

/**
 * Host path of the program that is pid 1 of containers with `Init`: the daemon's `init-path`, else
 * the shim's program under the name by which it knows what to be. That is a copy of its own: root in
 * a privileged container can write to whatever its pid 1 runs, and must not reach the engine's file.
 */
export async function initProgram(
  config: Pick<ContainersConfig, 'initPath' | 'initSource' | 'execRoot'>,
): Promise<{ init: string; ownInit: boolean }> {
  if (config.initPath !== undefined) return { init: config.initPath, ownInit: false }
  const path = join(config.execRoot, 'docker-init')
  let copying = made.get(path)
  if (copying === undefined) {
    copying = copyProgram(config.initSource, path)
    made.set(path, copying)
    copying.catch(() => made.delete(path))
  }
  return { init: await copying, ownInit: true }
}

/** Once per life of the daemon: a new version brings a new program; those that run keep theirs. */
async function copyProgram(from: string, to: string): Promise<string> {
  const temporary = `${to}.${process.pid}`
  try {
    await copyFile(from, temporary)
    await chmod(temporary, 0o555)
    await rename(temporary, to)
    return to
  } catch (error) {
    throw system(`making docker-init: ${(error as Error).message}`, error)
  }
}
