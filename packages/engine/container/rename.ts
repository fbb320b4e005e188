import { EngineError, invalidParameter } from '../base/errors.ts'
import type { Context } from './context.ts'
import { containerEvent } from './events.ts'
import { invalidName, noSuchContainer } from './messages.ts'
import { isValidName } from './names/generate.ts'
import { updateRow } from './rows.ts'

/** `POST /containers/{id}/rename`. */
export async function renameContainer(
  ctx: Context,
  reference: string,
  wanted: string,
): Promise<void> {
  const name = wanted.trim().replace(/^\//, '')
  if (reference.trim().replace(/^\//, '') === '' || name === '')
    throw invalidParameter('Neither old nor new names may be empty')
  const c = ctx.registry.get(reference.trim())
  await ctx.locks.run(c.id, async () => {
    if (!ctx.registry.has(c)) throw noSuchContainer(reference)
    if (c.name === name)
      throw invalidParameter('Renaming a container with the same name as its current name')
    reserve(ctx, c.id, name)
    const old = c.name
    c.name = name
    try {
      await ctx.events.commit(
        [updateRow(c, ctx.config.bootId)],
        [containerEvent(c, 'rename', { oldName: `/${old}` })],
      )
    } catch (error) {
      c.name = old
      ctx.registry.release(name, c.id)
      throw error
    }
    ctx.registry.release(old, c.id)
  })
}

function reserve(ctx: Context, id: string, name: string): void {
  try {
    if (!isValidName(name)) throw invalidName(`/${name}`)
    ctx.registry.reserve(name, id)
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    throw new EngineError(error.kind, `Error when allocating new name: ${error.message}`)
  }
}
