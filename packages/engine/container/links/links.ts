import type { HostConfig } from '@tdocker/api'
import { EngineError, invalidParameter, system } from '../../base/errors.ts'
import { type Container, joinedContainer } from '../container.ts'
import type { Context } from '../context.ts'
import type { Registry } from '../registry.ts'

/** A legacy link of the default bridge, as stored with the container that asked for it. */
export interface LinkRecord {
  /** Whom it leads to. */
  id: string
  /** That one's name when the link was made, for the time after its removal. */
  name: string
  /** What it is called in the container that asked. */
  alias: string
}

/** Networks on which a container's own links are its endpoint's matter. */
const PREDEFINED: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'default', ''])

/** Finds whom `HostConfig.Links` mean. Throws in moby's words (daemon/daemon_unix.go). */
export function resolveLinks(registry: Registry, host: HostConfig): LinkRecord[] {
  if (!PREDEFINED.has(host.NetworkMode ?? '')) return []
  const links: LinkRecord[] = []
  for (const text of host.Links ?? []) {
    const { name, alias } = parseLink(text)
    const child = networkOwner(registry, find(registry, name))
    if (child.hostConfig.NetworkMode === 'host')
      throw invalidParameter(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      )
    // The first of a name stands.
    if (!links.some((link) => link.alias === alias))
      links.push({ id: child.id, name: child.name, alias })
  }
  return links
}

/** `name:alias`, `name`, or as `inspect` shows it, `/name:/parent/alias`. */
function parseLink(text: string): { name: string; alias: string } {
  if (text === '') throw system('empty string specified for links')
  const [name = '', alias, ...more] = text.split(':')
  if (more.length > 0) throw system(`bad format for links: ${text}`)
  if (alias === undefined) return { name, alias: name }
  if (!name.startsWith('/')) return { name, alias }
  return { name: name.slice(1), alias: alias.slice(alias.lastIndexOf('/') + 1) }
}

/** A client takes a 404 of the create for a missing image, so this is the request's mistake. */
function find(registry: Registry, name: string): Container {
  try {
    return registry.get(name)
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    throw invalidParameter(`could not get container for ${name}: ${error.message}`, error)
  }
}

function networkOwner(registry: Registry, container: Container): Container {
  const seen = new Set<Container>()
  let owner = container
  for (;;) {
    const other = joinedContainer(owner.hostConfig.NetworkMode)
    if (other === undefined || seen.has(owner)) return owner
    seen.add(owner)
    owner = find(registry, other)
  }
}

/** Those that `c` links to and that still exist. */
export function linkedContainers(ctx: Pick<Context, 'registry'>, c: Container): Container[] {
  return (c.detail.links ?? [])
    .map(({ id }) => ctx.registry.find(id))
    .filter((child) => child !== undefined)
}

/** Names that others' links give to containers, by id: `/parent/alias`. */
export function linkNames(registry: Registry): ReadonlyMap<string, string[]> {
  const names = new Map<string, string[]>()
  for (const parent of registry.all())
    for (const { id, alias } of parent.detail.links ?? [])
      names.set(id, [...(names.get(id) ?? []), `/${parent.name}/${alias}`])
  return names
}

/** `HostConfig.Links` as `inspect` shows it. */
export function shownLinks(registry: Registry, c: Container): string[] | null {
  const links = (c.detail.links ?? []).map(({ id, name, alias }) => {
    const child = registry.find(id)?.name ?? name
    return `/${child}:/${c.name}/${alias}`
  })
  return links.length > 0 ? links : null
}
