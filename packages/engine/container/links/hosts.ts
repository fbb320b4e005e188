import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { system } from '../../base/errors.ts'
import { type Container, isRunning } from '../container.ts'
import type { Context } from '../context.ts'
import { containerDirs } from '../paths.ts'
import type { LinkRecord } from './links.ts'

const BRIDGE = 'bridge'
/** The container may write its file, and fill it. */
const MAX_BYTES = 1 << 20

/** One link with both ends on the default bridge. */
export interface LiveLink {
  child: Container
  alias: string
  /** Empty while the child is between two runs. */
  address: string
}

/**
 * The links of `c` for its start; none off the default bridge. Throws in moby's words when whom it
 * links to does not run.
 */
export function liveLinks(ctx: Context, c: Container): LiveLink[] {
  if (!c.detail.endpoints[BRIDGE]) return []
  return (c.detail.links ?? []).map((link) => {
    const child = running(ctx, c, link)
    const endpoint = child.detail.endpoints[BRIDGE]
    if (!endpoint) throw system(`container ${child.id} not attached to default bridge network`)
    return { child, alias: link.alias, address: endpoint.IPAddress ?? '' }
  })
}

function running(ctx: Context, c: Container, link: LinkRecord): Container {
  const child = ctx.registry.find(link.id)
  if (child && isRunning(child)) return child
  throw system(
    `Cannot link to a non running container: /${child?.name ?? link.name} AS /${c.name}/${link.alias}`,
  )
}

/** Lines for /etc/hosts: alias, host name and name of each. */
export function linkLines(links: readonly LiveLink[]): string {
  return links
    .filter(({ address }) => address !== '')
    .map((link) => `${hostsLine(link)}\n`)
    .join('')
}

function hostsLine({ child, alias, address }: LiveLink): string {
  const names = [alias, child.config.Hostname ?? '', ...(alias === child.name ? [] : [child.name])]
  return `${address}\t${names.join(' ')}`
}

/** `child` has started, perhaps with another address: those that link to it learn it. */
export function tellParents(ctx: Context, child: Container): void {
  const address = child.detail.endpoints[BRIDGE]?.IPAddress ?? ''
  if (address === '') return
  for (const parent of ctx.registry.all()) {
    if (!parent.live || !parent.detail.endpoints[BRIDGE]) continue
    for (const { id, alias } of parent.detail.links ?? [])
      if (id === child.id) tell(ctx, parent, { child, alias, address })
  }
}

/** In place: the file is bound into the container, so it must stay the same one. */
function tell(ctx: Context, parent: Container, link: LiveLink): void {
  const { hosts } = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, parent.id)
  try {
    writeFileSync(hosts, withAddress(readHosts(hosts), link))
  } catch (err) {
    ctx.log.warn({ container: parent.id, err }, 'hosts of a linking container not updated')
  }
}

/** Throws for one that the container has filled. */
export function readHosts(path: string): string {
  if (statSync(path).size > MAX_BYTES) throw new Error('the file is too large')
  return readFileSync(path, 'utf8')
}

/** The text with the line of an alias leading to its new address, added where there is none. */
export function withAddress(text: string, link: LiveLink): string {
  let known = false
  const lines = text.split('\n').map((line) => {
    const [, rest, alias] = /^\S+(\t(\S+).*)$/.exec(line) ?? []
    if (alias !== link.alias) return line
    known = true
    return `${link.address}${rest}`
  })
  if (known) return lines.join('\n')
  const separator = text === '' || text.endsWith('\n') ? '' : '\n'
  return `${text}${separator}${hostsLine(link)}\n`
}
