import { notFound, prefixed, system } from '../../base/errors.ts'
import { KeyedLock } from '../../base/keyed-lock.ts'
import { PluginClient } from './plugin-client.ts'
import { findPlugin, type PluginDirectories, scanPlugins } from './plugin-registry.ts'
import { VolumePlugin } from './volume-plugin.ts'

const ACTIVATE_MS = 30_000

export interface VolumePluginsOptions {
  directories: PluginDirectories
  log: (what: string, error?: unknown) => void
}

/** The plugins of the machine that are volume drivers. Looked for when they are named, or all. */
export class VolumePlugins {
  readonly #o: VolumePluginsOptions
  readonly #known = new Map<string, VolumePlugin>()
  readonly #lock = new KeyedLock()

  constructor(o: VolumePluginsOptions) {
    this.#o = o
  }

  /** Throws notFound for a driver that nobody offers. */
  get(name: string): Promise<VolumePlugin> {
    return this.#lock.run(name, async () => {
      const known = this.#known.get(name)
      if (known) return known
      try {
        return await this.#activate(name, false)
      } catch (error) {
        throw prefixed(`error looking up volume plugin ${name}`, error)
      }
    })
  }

  /** Those that answer now; the others are a line in the log. */
  async all(): Promise<VolumePlugin[]> {
    const names = new Set([...this.#known.keys(), ...(await scanPlugins(this.#o.directories))])
    const found = await Promise.all(
      [...names].sort().map((name) =>
        this.#lock
          .run(name, async () => this.#known.get(name) ?? (await this.#activate(name, true)))
          .catch((error: unknown) => {
            this.#o.log(`plugin ${name} passed over`, error)
            return undefined
          }),
      ),
    )
    return found.filter((plugin) => plugin !== undefined)
  }

  /** Names of those that have been used, as `info` tells them. */
  names(): string[] {
    return [...this.#known.keys()].sort()
  }

  async #activate(name: string, once: boolean): Promise<VolumePlugin> {
    const legacy = (error: unknown): never => {
      throw system(`legacy plugin: ${(error as Error).message}`, error)
    }
    const address = await findPlugin(this.#o.directories, name).catch(legacy)
    if (!address) throw notFound(`plugin ${JSON.stringify(name)} not found`)
    const client = new PluginClient(address, this.#o.log)
    const manifest = await client
      .call('Plugin.Activate', undefined, { timeoutMs: ACTIVATE_MS, once })
      .catch(legacy)
    const kinds = manifest['Implements']
    if (!Array.isArray(kinds) || !kinds.includes('VolumeDriver'))
      throw system(
        `legacy plugin: Plugin does not implement the requested driver: plugin=${JSON.stringify(name)}, requested implementation="VolumeDriver"`,
      )
    const plugin = new VolumePlugin(name, client)
    this.#known.set(name, plugin)
    return plugin
  }
}
