import type { ContainerSummary, EndpointSettings } from '@tdocker/api'
import type { ListOptions } from '../../backend-types.ts'
import { type Container, isRunning, visibleState } from '../container.ts'
import type { Context } from '../context.ts'
import { mountPoints } from '../inspect/mount-points.ts'
import { linkNames } from '../links/links.ts'
import { containerSizes, withoutZero } from '../sizes.ts'
import { parseFilters, type Selection } from './filters.ts'
import { portSummaries } from './ports.ts'
import { statusText } from './status-text.ts'

/** `GET /containers/json`: newest first. Reads memory only, but for image names and sizes. */
export async function listContainers(ctx: Context, o: ListOptions): Promise<ContainerSummary[]> {
  const names = new ImageNames(ctx)
  const wanted = (o.filters.get('ancestor') ?? []).map((name) => names.idOf(name))
  const ancestors = new Set((await Promise.all(wanted)).filter((id) => id !== undefined))
  const selection = parseFilters(o.filters, { all: o.all, registry: ctx.registry, ancestors })
  const chosen = select([...ctx.registry.all()], selection, o.limit)
  const links = linkNames(ctx.registry)
  return Promise.all(chosen.map((c) => summarize(ctx, c, o, names, links)))
}

function select(all: Container[], selection: Selection, limit: number): Container[] {
  all.sort((a, b) => (a.createdNs < b.createdNs ? 1 : a.createdNs > b.createdNs ? -1 : 0))
  const { before, since } = selection
  const start = before ? all.indexOf(before) + 1 : 0
  const end = since ? all.indexOf(since) : all.length
  const stopped = selection.all || limit > 0
  const fitting = all
    .slice(start, Math.max(start, end))
    .filter((c) => (stopped || isRunning(c)) && selection.matches(c))
  return limit > 0 ? fitting.slice(0, limit) : fitting
}

async function summarize(
  ctx: Context,
  c: Container,
  o: ListOptions,
  names: ImageNames,
  links: ReadonlyMap<string, string[]>,
): Promise<ContainerSummary> {
  const { Annotations: annotations } = c.hostConfig
  return {
    Id: c.id,
    Names: c.name === '' ? [] : [`/${c.name}`, ...(links.get(c.id) ?? [])].toSorted(),
    Image: await names.shownFor(c),
    ImageID: c.imageId,
    Command: command(c),
    Created: Number(c.createdNs / 1_000_000_000n),
    Ports: portSummaries(c),
    ...(o.size ? withoutZero(await containerSizes(ctx, c)) : {}),
    Labels: c.config.Labels ?? {},
    State: visibleState(c),
    Status: statusText(c, ctx.clock.nowNs()),
    HostConfig: {
      NetworkMode: c.hostConfig.NetworkMode ?? '',
      ...(annotations ? { Annotations: annotations } : {}),
    },
    Health: shownHealth(c),
    NetworkSettings: { Networks: shownNetworks(c) },
    Mounts: mountPoints(c),
  }
}

function shownHealth(c: Container): NonNullable<ContainerSummary['Health']> {
  return { Status: c.health?.status ?? 'none', FailingStreak: c.health?.failingStreak ?? 0 }
}

function command(c: Container): string {
  const args = c.detail.args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg))
  return [c.detail.path, ...args].join(' ')
}

/** A list shows where a container is reached, not what was asked for. */
function shownNetworks(c: Container): Record<string, EndpointSettings> {
  return Object.fromEntries(
    Object.entries(c.detail.endpoints).map(([name, endpoint]) => [
      name,
      { ...endpoint, Links: null, Aliases: null, DriverOpts: null, DNSNames: null },
    ]),
  )
}

/** Looks each image name up once per list. */
class ImageNames {
  readonly #ctx: Context
  readonly #ids = new Map<string, Promise<string | undefined>>()

  constructor(ctx: Context) {
    this.#ctx = ctx
  }

  idOf(name: string): Promise<string | undefined> {
    let id = this.#ids.get(name)
    if (!id) {
      id = this.#ctx.images.resolve(name).then(
        (image) => image.id,
        () => undefined,
      )
      this.#ids.set(name, id)
    }
    return id
  }

  /** The name that was asked for while it still means this image, else the id. */
  async shownFor(c: Container): Promise<string> {
    const name = c.config.Image ?? ''
    if (name === c.imageId) return name
    return (await this.idOf(name)) === c.imageId ? name : c.imageId
  }
}
