import { EngineError, invalidParameter } from '../base/errors.ts'
import type { Container } from './container.ts'
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
    const before = c.detail.endpoints
    const endpoints = ctx.networks.rename(c.id, { name, hostname: c.config.Hostname ?? '' })
    c.name = name
    c.detail.endpoints = withNames(before, endpoints.names)
    try {
      await ctx.events.commit(
        [updateRow(c, ctx.config.bootId), ...endpoints.statements],
        [containerEvent(c, 'rename', { oldName: `/${old}` })],
      )
    } catch (error) {
      c.name = old
      c.detail.endpoints = before
      ctx.registry.release(name, c.id)
      throw error
    }
    ctx.registry.release(old, c.id)
    endpoints.apply()
  })
}

function withNames(
  endpoints: Container['detail']['endpoints'],
  names: Readonly<Record<string, string[]>>,
): Container['detail']['endpoints'] {
  return Object.fromEntries(
    Object.entries(endpoints).map(([network, endpoint]) => [
      network,
      names[network] ? { ...endpoint, DNSNames: names[network] } : endpoint,
    ]),
  )
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
