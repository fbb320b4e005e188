import type { Volume, VolumeCreateRequest, VolumeListResponse } from '@tdocker/api'
import type { Native } from '@tdocker/kernel'
import type { Filters } from '../backend-types.ts'
import { isKind, notFound, prefixed } from '../base/errors.ts'
import { OneAtATime } from '../base/one-at-a-time.ts'
import type { DirectorySizes } from '../container/needs.ts'
import type { EventLog } from '../event/event-log.ts'
import type { Store } from '../store/store.ts'
import type { PluginVolume, VolumePlugin } from './plugin/volume-plugin.ts'
import type { VolumeBackend, VolumePruneReport } from './volume-backend.ts'
import { pruneMatcher, volumeMatcher } from './volume-filters.ts'
import { LOCAL } from './volume-options.ts'
import {
  findVolumeRecord,
  listVolumeRecords,
  pluginVolumeOf,
  volumeOf,
  type VolumeRecord,
} from './volume-records.ts'
import type { EngineVolumes } from './volumes.ts'

export interface VolumeVerbsOptions {
  volumes: EngineVolumes
  store: Store
  events: EventLog
  native: Pick<Native, 'treeSize'>
  sizes: DirectorySizes
  log: (what: string, error: unknown) => void
}

/** The verbs of clients on volumes (moby: daemon/volume/service/service.go). */
export class VolumeVerbs implements VolumeBackend {
  readonly #o: VolumeVerbsOptions
  readonly #pruning = new OneAtATime()

  constructor(o: VolumeVerbsOptions) {
    this.#o = o
  }

  async list(o: { filters: Filters }): Promise<VolumeListResponse> {
    const matches = volumeMatcher(o.filters)
    const { store, volumes } = this.#o
    const records = listVolumeRecords(store)
    const local = records
      .filter((record) => record.driver === LOCAL && matches(record))
      .map((record) => volumeOf(record, volumes.mountpoint(record.name)))
    const foreign = await this.#listForeign(records, matches)
    return {
      Volumes: [...local, ...foreign.volumes].sort((a, b) => (a.Name < b.Name ? -1 : 1)),
      Warnings: foreign.warnings.length === 0 ? null : foreign.warnings,
    }
  }

  /**
   * For `system df`: volumes whose data lies here, with the sizes that are known after `waitMs`
   * and -1 for the others.
   */
  async listWithUsage(waitMs: number): Promise<Volume[]> {
    const { store, volumes, sizes } = this.#o
    const records = listVolumeRecords(store).filter(
      ({ driver, options }) => driver === LOCAL && Object.keys(options).length === 0,
    )
    const mountpoints = records.map(({ name }) => volumes.mountpoint(name))
    const known = await sizes.within(mountpoints, waitMs)
    return records.map((record) => {
      const mountpoint = volumes.mountpoint(record.name)
      const UsageData = { Size: known.get(mountpoint) ?? -1, RefCount: record.users.length }
      return { ...volumeOf(record, mountpoint), UsageData }
    })
  }

  async inspect(name: string): Promise<Volume> {
    const { store, volumes } = this.#o
    const record = findVolumeRecord(store, name)
    if (record?.driver === LOCAL) return volumeOf(record, volumes.mountpoint(name))
    const plugin = record ? await this.#pluginOf(record) : await volumes.probe(name)
    const found = plugin && (await volumes.findIn(plugin, name))
    if (plugin && found) return this.#foreign(plugin, found, record, true)
    if (record) await volumes.forget(name)
    throw notFound(`get ${name}: no such volume`)
  }

  async create(body: VolumeCreateRequest): Promise<Volume> {
    const handle = await this.#o.volumes.acquire({
      name: body.Name ?? '',
      driver: body.Driver ?? '',
      labels: body.Labels ?? {},
      options: body.DriverOpts ?? {},
    })
    handle.release()
    const made = await this.inspect(handle.name)
    // Told by an inspect only.
    delete made.Status
    return made
  }

  async remove(name: string, o: { force: boolean }): Promise<void> {
    try {
      await this.#o.volumes.remove(name)
    } catch (error) {
      if (!o.force || !isKind(error, 'notFound')) throw error
    }
  }

  prune(o: { filters: Filters }): Promise<VolumePruneReport> {
    return this.#pruning.run(() => this.#prune(o.filters))
  }

  async #prune(filters: Filters): Promise<VolumePruneReport> {
    const matches = pruneMatcher(filters)
    const report: VolumePruneReport = { VolumesDeleted: [], SpaceReclaimed: 0 }
    for (const { name } of listVolumeRecords(this.#o.store).filter(matches)) {
      const size = await this.#o.native.treeSize(this.#o.volumes.mountpoint(name)).then(
        ({ bytes }) => bytes,
        () => 0,
      )
      try {
        await this.#o.volumes.remove(name)
      } catch (error) {
        // Somebody took it, or removed it first.
        this.#o.log(`prune volume ${name}`, error)
        continue
      }
      report.VolumesDeleted.push(name)
      report.SpaceReclaimed += size
    }
    await this.#o.events.commit([], [pruned(report.SpaceReclaimed)])
    return report
  }

  /** Of all plugins, side by side. For one that fails, what we know of its volumes and a warning. */
  async #listForeign(
    records: readonly VolumeRecord[],
    matches: (record: VolumeRecord) => boolean,
  ): Promise<{ volumes: Volume[]; warnings: string[] }> {
    const byName = new Map(records.map((record) => [record.name, record]))
    const warnings: string[] = []
    const lists = await Promise.all(
      (await this.#o.volumes.plugins.all()).map(async (plugin) => {
        try {
          const told = (await plugin.list()).filter(({ name }) => {
            const record = byName.get(name)
            return (
              (record?.driver ?? plugin.name) === plugin.name &&
              matches(record ?? blankRecord(name, plugin.name))
            )
          })
          const volumes = told.map((found) =>
            this.#foreign(plugin, found, byName.get(found.name), false),
          )
          return await Promise.all(volumes)
        } catch (error) {
          warnings.push(`list ${plugin.name}: ${(error as Error).message}`)
          return records
            .filter((record) => record.driver === plugin.name && matches(record))
            .map((record) => volumeOf(record, ''))
        }
      }),
    )
    return { volumes: lists.flat(), warnings }
  }

  async #pluginOf({ name, driver }: VolumeRecord): Promise<VolumePlugin> {
    try {
      return await this.#o.volumes.plugins.get(driver)
    } catch (error) {
      const where = `volume ${JSON.stringify(name)} exists in driver ${JSON.stringify(driver)}`
      throw prefixed(`get ${name}: error while checking if ${where}`, error)
    }
  }

  async #foreign(
    plugin: VolumePlugin,
    found: PluginVolume,
    record: VolumeRecord | undefined,
    whole: boolean,
  ): Promise<Volume> {
    // A list asks no plugin where each of its volumes is.
    const mountpoint =
      found.mountpoint || (whole ? await plugin.path(found.name).catch(() => '') : '')
    const scope = await plugin.scope()
    return pluginVolumeOf(record ?? blankRecord(found.name, plugin.name), {
      ...found,
      mountpoint,
      scope,
      status: whole ? found.status : {},
    })
  }
}

function blankRecord(name: string, driver: string): VolumeRecord {
  return { name, driver, anonymous: false, createdNs: 0n, labels: {}, options: {}, users: [] }
}

function pruned(bytes: number): Parameters<EventLog['commit']>[1][number] {
  return {
    type: 'volume',
    action: 'prune',
    actorId: '',
    attributes: { reclaimed: String(bytes) },
  }
}
