import { randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type CgroupDriver, loadNative, type Native, shimPath } from '@tdocker/kernel'
import { createCgroupDriver } from '@tdocker/kernel/cgroup/create-driver.ts'
import { NativeShimLauncher } from '@tdocker/kernel/shim/launcher.ts'
import type { ContainerBackend, ExecBackend } from './backend-types.ts'
import type { BuildBackend } from './build/build-backend.ts'
import { Builder } from './build/builder.ts'
import { cachePolicies } from './build/cache/policies.ts'
import type { EngineConfig } from './config.ts'
import { type Containers, createContainers } from './container/containers.ts'
import type { ContainersConfig } from './container/containers-config.ts'
import type { Logger } from './container/context.ts'
import { AppArmor } from './container/plan/apparmor.ts'
import { readHostFacts as readPlanFacts } from './container/plan/host-facts.ts'
import { resolveUser } from './container/plan/user.ts'
import { SeccompFilters, readDaemonProfile } from './container/plan/seccomp-cache.ts'
import { SqliteEventLog } from './event/sqlite-event-log.ts'
import type { ImageBackend } from './image/image-backend.ts'
import { createImages, type Images } from './image/images.ts'
import { checkDaemonLogOptions, LOG_DRIVERS } from './log/driver/options.ts'
import { readLog } from './log/read-log.ts'
import { EmbeddedDns } from './network/dns/embedded-dns.ts'
import { createNetworks, type Networks } from './network/index.ts'
import { parsePool } from './network/ipam.ts'
import type { NetworkBackend } from './network/network-backend.ts'
import { NetworkVerbs } from './network/network-verbs.ts'
import type { RegistryBackend } from './registry/registry-backend.ts'
import { openStore } from './store/sqlite-store.ts'
import { sql, type Store } from './store/store.ts'
import { textOf } from './system/host.ts'
import { DEFAULT_RUNTIME, RUNTIMES } from './system/runtimes.ts'
import { reloadEvent } from './system/reload-event.ts'
import { API_VERSION } from './system/version.ts'
import { fsck } from './system/fsck.ts'
import { System } from './system/system.ts'
import { TreeSizes } from './system/tree-sizes.ts'
import { LARGE_LOG, logWarnings } from './system/warnings.ts'
import type { VolumeBackend } from './volume/volume-backend.ts'
import { LOCAL } from './volume/volume-options.ts'
import { VolumeVerbs } from './volume/volume-verbs.ts'
import { VolumePlugins } from './volume/plugin/volume-plugins.ts'
import { EngineVolumes } from './volume/volumes.ts'

/** The whole engine: what the daemon's routes call, and its life. */
export interface Engine {
  readonly containers: ContainerBackend
  readonly execs: ExecBackend
  readonly images: ImageBackend
  readonly builds: BuildBackend
  readonly registries: RegistryBackend
  readonly volumes: VolumeBackend
  readonly networks: NetworkBackend
  readonly system: System
  readonly native: Native
  /**
   * Brings rows, kernel and disk back in line after a daemon's end, however it ended. Reads are
   * answered meanwhile; verbs on a container wait for that container only.
   */
  restore(): Promise<void>
  /** Takes over what may change while running (SIGHUP) and records the `reload` event. */
  reload(config: EngineConfig): Promise<void>
  /** Containers go on unless `stopContainers`; then each gets `shutdownTimeout` seconds. */
  close(o: { stopContainers: boolean }): Promise<void>
}

export function openEngine(o: { config: EngineConfig; log: Logger }): Engine {
  return new AssembledEngine(o.config, o.log)
}

/** Puts the rooms together; holds no logic of its own. */
class AssembledEngine implements Engine {
  readonly containers: ContainerBackend
  readonly execs: ExecBackend
  readonly images: ImageBackend
  readonly builds: BuildBackend
  readonly registries: RegistryBackend
  readonly volumes: VolumeBackend
  readonly networks: NetworkBackend
  readonly system: System
  readonly native: Native
  readonly #builder: Builder
  readonly #store: Store
  readonly #events: SqliteEventLog
  readonly #networks: Networks
  readonly #volumes: EngineVolumes
  readonly #images: Images
  readonly #containers: Containers
  readonly #cgroups: CgroupDriver
  readonly #id: string
  #config: EngineConfig

  constructor(config: EngineConfig, log: Logger) {
    this.#config = config
    checkDaemonLogOptions({ Type: config.logDriver, Config: { ...config.logOpts } })
    const daemonProfile = readDaemonProfile(config.seccompProfile)
    makeDirectories(config)
    const native = loadNative()
    const store = openStore({ path: join(config.dataRoot, 'state.db') })
    const events = new SqliteEventLog(store, {
      log: (what, err) => log.warn({ err, what }, 'events'),
    })
    const cgroups = createCgroupDriver({ native, parent: config.cgroupParent })
    this.#id = engineId(store)
    const networks = createNetworks({
      native,
      store,
      events,
      config: { ...networksConfig(config), hostId: this.#id },
      log,
      resolver: (names, nameOf) => new EmbeddedDns({ native, names, nameOf, log }),
    })
    const logVolumes = (what: string, err?: unknown): void => log.warn({ err, what }, 'volumes')
    const volumes = new EngineVolumes({
      native,
      store,
      events,
      root: join(config.dataRoot, 'volumes'),
      plugins: new VolumePlugins({ directories: config.pluginDirectories, log: logVolumes }),
      log: logVolumes,
    })
    const images = createImages({
      native,
      store,
      events,
      config,
      users: {
        usersOf: (imageId) => [
          ...this.#containers.usersOf(imageId),
          ...this.#builder.usersOf(imageId),
        ],
      },
      log: (what, err) => log.warn({ err, what }, 'images'),
    })
    const sizes = new TreeSizes({
      store,
      treeSize: (dir) => native.treeSize(dir),
      log: (what, err) => log.warn({ err, what }, 'sizes'),
    })
    const host = readPlanFacts()
    const containers = createContainers({
      native,
      shims: new NativeShimLauncher({ native, shimPath: shimPath() }),
      cgroups,
      store,
      events,
      images: images.source,
      commits: images.commits,
      networks,
      volumes,
      sizes,
      host,
      seccomp: new SeccompFilters({ native, host, daemonProfile }),
      appArmor: new AppArmor(host.apparmor),
      readLog: (options) => readLog(options, native),
      config: containersConfig(config),
      log,
    })
    const builder = new Builder({
      native,
      store,
      images: images.builds,
      containers: {
        create: (o) => containers.backend.create(o),
        start: (id, extras) => containers.startStep(id, extras),
        attach: (id, o, hijack) => containers.backend.attach(id, o, hijack),
        wait: (id, o) => containers.backend.wait(id, o),
        remove: (id, o) => containers.backend.remove(id, o),
        upper: (id, stubs) => containers.upper(id, stubs),
      },
      transport: images.transport,
      resolveOwner: (o) => resolveUser({ native, ...o }),
      removeImages: (ids) => removeUnnamed(store, images, ids),
      directory: join(config.dataRoot, 'build-mounts'),
      history: config.buildHistory,
      collect: cachePolicies(config.cacheCollection, config.dataRoot),
      contextDirectory: join(config.dataRoot, 'build-contexts'),
      bootId: containersConfig(config).bootId,
      pruned: (bytes) =>
        events.commit(
          [],
          [
            {
              type: 'builder',
              action: 'prune',
              actorId: '',
              attributes: { reclaimed: `${bytes}` },
            },
          ],
        ),
      log: (what, err) => log.warn({ err, what }, 'builds'),
    })
    this.#builder = builder
    this.builds = builder
    this.native = native
    this.#store = store
    this.#events = events
    this.#networks = networks
    this.#volumes = volumes
    this.#images = images
    this.#containers = containers
    this.#cgroups = cgroups
    this.containers = containers.backend
    this.execs = containers.execs
    this.images = images.backend
    this.registries = images.registries
    const volumeVerbs = new VolumeVerbs({
      volumes,
      store,
      events,
      native,
      sizes,
      log: logVolumes,
    })
    this.volumes = volumeVerbs
    this.networks = new NetworkVerbs({ networks, events, users: containers, log })
    this.system = new System({
      id: this.#id,
      config: () => this.#config,
      cgroups,
      events,
      auth: (auth) => images.auth(auth),
      content: {
        prune: () => images.pruneContent(),
        lastUsed: () => images.lastUsed(),
        fsck: (options) =>
          fsck({ native, store, dataRoot: config.dataRoot, images: images.check }, options),
      },
      disk: {
        images: () => listForUsage(images.backend),
        layersSize: () => images.layersSize(),
        containers: (waitMs) => containers.listWithSizes(waitMs),
        volumes: (waitMs) => volumeVerbs.listWithUsage(waitMs),
        buildCache: () => builder.cacheRecords(),
      },
      counters: { containers: () => containers.counts(), images: () => images.count() },
      logDrivers: LOG_DRIVERS,
      volumeDrivers: () => [LOCAL, ...volumes.plugins.names()],
      warnings: () => logWarnings(containers.logUsage.large(LARGE_LOG)),
    })
  }

  async restore(): Promise<void> {
    await Promise.all([
      // Adopts what lives, then has the networks restored around it.
      this.#containers.restore(),
      this.#images.collectGarbage(),
      this.#volumes.collectGarbage(),
    ])
    await this.#builder.restore()
  }

  async reload(config: EngineConfig): Promise<void> {
    this.#images.reload(config)
    this.#containers.reload(containersConfig(config))
    this.#config = config
    await this.#events.commit([], [reloadEvent(this.#id, config)])
  }

  async close(o: { stopContainers: boolean }): Promise<void> {
    await this.#containers.shutdown({
      stopContainers: o.stopContainers,
      timeoutSeconds: this.#config.shutdownTimeout,
    })
    await this.#builder.close()
    await this.#images.close()
    await this.#networks.shutdown()
    this.#cgroups.close()
    this.#events.close()
    await this.#store.close()
  }
}

function listForUsage(images: ImageBackend): ReturnType<ImageBackend['list']> {
  const options = { all: false, filters: new Map(), sharedSize: true, digests: false }
  return images.list({ ...options, version: API_VERSION })
}

/** Images of steps that nothing names, builds on or runs; answers the bytes of layers that went. */
async function removeUnnamed(
  store: Store,
  images: Images,
  ids: readonly string[],
): Promise<number> {
  const before = images.layersSize()
  for (const id of ids) {
    const free = store.get(
      `SELECT 1 FROM image WHERE id = ? AND removed = 0
         AND NOT EXISTS (SELECT 1 FROM image_tag WHERE image_id = image.id)
         AND NOT EXISTS (SELECT 1 FROM image_digest WHERE image_id = image.id)
         AND NOT EXISTS (SELECT 1 FROM image AS child WHERE child.parent_id = image.id)`,
      id,
    )
    if (!free) continue
    // In use by a container or a build: it stays.
    await images.backend.remove(id, { force: false, noprune: true }).catch(() => {})
  }
  return Math.max(0, before - images.layersSize())
}

function makeDirectories(config: EngineConfig): void {
  mkdirSync(config.dataRoot, { recursive: true, mode: 0o710 })
  // Whoever made it: setuid programs of containers and volumes are not for the host's users to run.
  chmodSync(config.dataRoot, 0o710)
  mkdirSync(config.execRoot, { recursive: true, mode: 0o710 })
  for (const name of ['containers', 'content', 'layers'])
    mkdirSync(join(config.dataRoot, name), { recursive: true, mode: 0o710 })
}

/** Made once, kept with the data. */
function engineId(store: Store): string {
  const row = store.get<{ value: string }>("SELECT value FROM meta WHERE key = 'engine-id'")
  if (row) return row.value
  const id = randomUUID()
  void store.write([sql`INSERT OR IGNORE INTO meta(key, value) VALUES ('engine-id', ${id})`])
  return id
}

function networksConfig(config: EngineConfig): Parameters<typeof createNetworks>[0]['config'] {
  const { pools, ...network } = config.network
  return {
    ...network,
    ...(pools === undefined
      ? {}
      : { pools: pools.flatMap(({ base, size }) => parsePool(base, size) ?? []) }),
    bridge: config.bridge,
    table: config.nftTable,
    ...(config.bip === undefined ? {} : { bip: config.bip }),
    ...(config.mtu === undefined ? {} : { mtu: config.mtu }),
    dns: config.dns,
    dnsSearch: config.dnsSearch,
    dnsOptions: config.dnsOptions,
  }
}

function containersConfig(config: EngineConfig): ContainersConfig {
  return {
    dataRoot: config.dataRoot,
    execRoot: config.execRoot,
    bootId: textOf('/proc/sys/kernel/random/boot_id').trim(),
    machineName: textOf('/proc/sys/kernel/hostname').trim(),
    runtimes: RUNTIMES,
    defaultRuntime: DEFAULT_RUNTIME,
    logConfig: { Type: config.logDriver, Config: { ...config.logOpts } },
    shmSize: config.defaultShmSize,
    ipcMode: config.defaultIpcMode,
    cgroupnsMode: config.defaultCgroupnsMode,
    cgroupParent: config.cgroupParent,
    stopTimeoutSeconds: config.defaultStopTimeout,
    ulimits: Object.entries(config.defaultUlimits).map(([Name, { soft, hard }]) => ({
      Name,
      Soft: soft,
      Hard: hard,
    })),
    noNewPrivileges: config.noNewPrivileges,
    init: config.init,
    initPath: config.initPath,
    initSource: shimPath(),
    liveRestore: config.liveRestore,
  }
}
