import { system } from '../../base/errors.ts'
import type { Context } from '../context.ts'

/** A name that create takes for a shim of containerd's is looked for at start. There is none. */
export function checkRuntime(ctx: Context, name: string): void {
  if (ctx.config.runtimes.includes(name)) return
  const binary = ['containerd-shim', ...name.split('.').slice(-2)].join('-')
  throw system(
    `failed to create task for container: failed to start shim: failed to resolve runtime path: runtime ${JSON.stringify(name)} binary not installed ${JSON.stringify(binary)}: file does not exist`,
  )
}
