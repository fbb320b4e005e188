import type { TarSource } from '../../backend-types.ts'
import { conflict, EngineError, system } from '../../base/errors.ts'
import { type Context, inBackground } from '../context.ts'
import { containerEvent } from '../events.ts'
import { tarSource } from './tar-source.ts'
import { openRootfs } from './tree.ts'

/** `GET /containers/{id}/export`: the root file system without what is mounted over it. */
export async function exportContainer(ctx: Context, reference: string): Promise<TarSource> {
  const c = ctx.registry.get(reference)
  await c.reconciled
  if (c.state === 'dead') throw conflict(`You cannot export container ${c.id} which is Dead`)
  if (c.removing) throw conflict(`You cannot export container ${c.id} which is being removed`)
  try {
    const tree = await openRootfs(ctx, c)
    const packer = ctx.native.tarPacker({ fd: tree.fd })
    return tarSource(packer, (whole) => {
      tree.release()
      if (!whole) return
      const told = ctx.events.commit([], [containerEvent(c, 'export')])
      inBackground(ctx, c.id, 'export event', told)
    })
  } catch (error) {
    // Gone since it was looked up.
    if (error instanceof EngineError) throw error
    throw system(`Error exporting container ${reference}: ${(error as Error).message}`, error)
  }
}
