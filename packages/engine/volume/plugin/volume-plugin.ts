import type { PluginClient } from './plugin-client.ts'

const LONG_MS = 120_000
const SHORT_MS = 60_000

/** A volume as its plugin tells of it. */
export interface PluginVolume {
  name: string
  mountpoint: string
  /** RFC 3339, '' when it is not told. */
  createdAt: string
  status: Record<string, unknown>
}

/** One plugin that implements `VolumeDriver`. Errors are the plugin's own words. */
export class VolumePlugin {
  readonly name: string
  readonly #client: PluginClient
  #scope: 'local' | 'global' | undefined

  constructor(name: string, client: PluginClient) {
    this.name = name
    this.#client = client
  }

  async create(name: string, options: Readonly<Record<string, string>>): Promise<void> {
    const Opts = Object.keys(options).length === 0 ? null : options
    await this.#long('Create', { Name: name, Opts })
  }

  async remove(name: string): Promise<void> {
    await this.#short('Remove', { Name: name })
  }

  /** Where it is mounted, or would be; '' when the plugin does not tell. */
  async path(name: string): Promise<string> {
    return textOf((await this.#short('Path', { Name: name }))['Mountpoint'])
  }

  async mount(name: string, id: string): Promise<string> {
    return textOf((await this.#long('Mount', { Name: name, ID: id }))['Mountpoint'])
  }

  async unmount(name: string, id: string): Promise<void> {
    await this.#short('Unmount', { Name: name, ID: id })
  }

  async list(): Promise<PluginVolume[]> {
    const { Volumes } = await this.#short('List', {}, true)
    return Array.isArray(Volumes) ? Volumes.map(volumeOf).filter((v) => v.name !== '') : []
  }

  /** undefined when the plugin says nothing of it. `once`: a plugin that is away is not waited for. */
  async get(name: string, once = false): Promise<PluginVolume | undefined> {
    const { Volume } = await this.#short('Get', { Name: name }, once)
    return Volume ? volumeOf(Volume) : undefined
  }

  /** `local` where the plugin does not say, or says nonsense. */
  async scope(): Promise<'local' | 'global'> {
    if (this.#scope) return this.#scope
    const answer = await this.#short('Capabilities', {}).catch(() => undefined)
    const told = (answer?.['Capabilities'] as { Scope?: unknown } | null | undefined)?.Scope
    const scope = textOf(told).toLowerCase() === 'global' ? 'global' : 'local'
    if (answer) this.#scope = scope
    return scope
  }

  #long(verb: string, args: object): Promise<Record<string, unknown>> {
    return this.#client.call(`VolumeDriver.${verb}`, args, { timeoutMs: LONG_MS })
  }

  #short(verb: string, args: object, once = false): Promise<Record<string, unknown>> {
    return this.#client.call(`VolumeDriver.${verb}`, args, { timeoutMs: SHORT_MS, once })
  }
}

function volumeOf(told: unknown): PluginVolume {
  const { Name, Mountpoint, CreatedAt, Status } = told as Record<string, unknown>
  const isMap = typeof Status === 'object' && Status !== null && !Array.isArray(Status)
  return {
    name: textOf(Name),
    mountpoint: textOf(Mountpoint),
    createdAt: textOf(CreatedAt),
    status: isMap ? (Status as Record<string, unknown>) : {},
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
