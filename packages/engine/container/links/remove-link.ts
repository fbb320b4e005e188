import { writeFileSync } from 'node:fs'
import { system } from '../../base/errors.ts'
import type { Container } from '../container.ts'
import type { Context } from '../context.ts'
import { containerDirs } from '../paths.ts'
import { updateRow } from '../rows.ts'
import { readHosts } from './hosts.ts'

/** `DELETE /containers/parent/alias?link=1`: the link goes, both containers stay. */
export async function removeLink(ctx: Context, reference: string): Promise<void> {
  const path = reference.replace(/^\//, '')
  const slash = path.lastIndexOf('/')
  if (slash < 0) throw system('Conflict, cannot remove the default link name of the container')
  const [parentName, alias] = [path.slice(0, slash), path.slice(slash + 1)]
  const parent = ctx.registry.find(parentName)
  if (!parent) throw system(`Cannot get parent /${parentName} for link name /${path}`)
  await ctx.locks.run(parent.id, async () => {
    const before = parent.detail.links ?? []
    parent.detail.links = before.filter((link) => link.alias !== alias)
    try {
      await ctx.events.commit([updateRow(parent, ctx.config.bootId)], [])
    } catch (error) {
      parent.detail.links = before
      throw error
    }
    forget(ctx, parent, alias)
  })
}

/** What runs must not go on finding it. */
function forget(ctx: Context, parent: Container, alias: string): void {
  if (!parent.live) return
  const { hosts } = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, parent.id)
  try {
    const lines = readHosts(hosts).split('\n')
    const kept = lines.filter((line) => /^\S+\t(\S+)/.exec(line)?.[1] !== alias)
    writeFileSync(hosts, kept.join('\n'))
  } catch (err) {
    ctx.log.warn({ container: parent.id, err }, 'hosts of a linking container not updated')
  }
}
