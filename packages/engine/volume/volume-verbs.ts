import { randomBytes } from 'node:crypto'
import type { Volume, VolumeCreateRequest, VolumeListResponse } from '@tdocker/api'
import type { Native } from '@tdocker/kernel'
import type { Filters } from '../backend-types.ts'
import { isKind, notFound } from '../base/errors.ts'
import { OneAtATime } from '../base/one-at-a-time.ts'
import type { DirectorySizes } from '../container/needs.ts'
import type { EventLog } from '../event/event-log.ts'
import type { Store } from '../store/store.ts'
import type { VolumeBackend, VolumePruneReport } from './volume-backend.ts'
import { pruneMatcher, volumeMatcher } from './volume-filters.ts'
import { findVolumeRecord, listVolumeRecords, volumeOf } from './volume-records.ts'
import type { LocalVolumes } from './volumes.ts'

export interface VolumeVerbsOptions {
  volumes: LocalVolumes
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
    return {
      Volumes: listVolumeRecords(store)
        .filter(matches)
        .map((record) => volumeOf(record, volumes.mountpoint(record.name))),
      Warnings: null,
    }
  }

  /**
   * For `system df`: volumes whose data lies here, with the sizes that are known after `waitMs`
   * and -1 for the others.
   */
  async listWithUsage(waitMs: number): Promise<Volume[]> {
    const { store, volumes, sizes } = this.#o
    const records = listVolumeRecords(store).filter(
      ({ driver, options }) => driver === 'local' && Object.keys(options).length === 0,
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
    return this.#get(name)
  }

  async create(body: VolumeCreateRequest): Promise<Volume> {
    const driver = body.Driver || 'local'
    if (driver !== 'local') {
      const name = body.Name || randomBytes(32).toString('hex')
      throw notFound(
        `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
      )
    }
    const handle = await this.#o.volumes.acquire({
      name: body.Name ?? '',
      driver,
      labels: body.Labels ?? {},
      options: body.DriverOpts ?? {},
    })
    handle.release()
    return this.#get(handle.name)
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

  #get(name: string): Volume {
    const record = findVolumeRecord(this.#o.store, name)
    if (!record) throw notFound(`get ${name}: no such volume`)
    return volumeOf(record, this.#o.volumes.mountpoint(name))
  }
}

function pruned(bytes: number): Parameters<EventLog['commit']>[1][number] {
  return {
    type: 'volume',
    action: 'prune',
    actorId: '',
    attributes: { reclaimed: String(bytes) },
  }
}
