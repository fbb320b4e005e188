import { hostname } from 'node:os'
import type { ContainerSummary, EndpointSettings } from '@tdocker/api'
import type { ContainerBackend, ExecBackend } from '../backend-types.ts'
import { KeyedLock } from '../base/keyed-lock.ts'
import { Semaphore } from '../content/semaphore.ts'
import { createExec } from '../exec/create-exec.ts'
import { ExecRegistry } from '../exec/exec-registry.ts'
import { inspectExec, resizeExec } from '../exec/exec-verbs.ts'
import { startExec } from '../exec/start-exec.ts'
import { runProbe } from '../health/probe.ts'
import { containerChanges } from './archive/changes.ts'
import { exportContainer } from './archive/export.ts'
import { getArchive } from './archive/get-archive.ts'
import { putArchive } from './archive/put-archive.ts'
import { statPath } from './archive/stat-path.ts'
import { TreeWriters } from './archive/tree-writers.ts'
import { type ContainerDetail, isRunning } from './container.ts'
import type { LogFiles } from '../log/log-files.ts'
import { LogService } from '../log/log-service.ts'
import { readLog } from '../log/read-log.ts'
import { CachedLogUsage, type LogUsage } from '../log/usage.ts'
import { attachContainer } from './attach.ts'
import { commitContainer } from './commit/commit.ts'
import { openUpper, type Upper } from './commit/upper.ts'
import { systemClock } from './clock.ts'
import { logFilesOf } from './container-log.ts'
import type { ContainersConfig } from './containers-config.ts'
import type { ContainerDeps, Context } from './context.ts'
import { createContainer } from './create/create.ts'
import { dryRun } from './create/dry-run.ts'
import { inspectContainer } from './inspect/inspect.ts'
import { killContainer } from './kill.ts'
import { listContainers } from './list/list.ts'
import { containerLogs } from './logs.ts'
import { connectContainer } from './network/connect.ts'
import { disconnectContainer } from './network/disconnect.ts'
import { addPorts, removePorts } from './network/ports.ts'
import { pauseContainer, unpauseContainer } from './pause.ts'
import { pruneContainers } from './prune.ts'
import { type ImageUser, Registry } from './registry.ts'
import { removeByReference } from './remove.ts'
import { renameContainer } from './rename.ts'
import { resizeContainer } from './resize.ts'
import { restartContainer } from './restart.ts'
import { loadContainers, restoreContainers } from './restore/restore.ts'
import { shutdownContainers } from './shutdown.ts'
import { listWithSizes } from './sizes.ts'
import { startContainer } from './start/start.ts'
import type { StepExtras } from './start/step-extras.ts'
import { kernelHostUsage } from './stats/host-usage.ts'
import { containerStats, statsCollector } from './stats/stats.ts'
import { stopContainer } from './stop.ts'
import { topContainer } from './top.ts'
import { updateContainer } from './update/update.ts'
import { waitContainer } from './wait.ts'

/** Containers and their execs. */
export interface Containers {
  backend: ContainerBackend
  execs: ExecBackend
  /**
   * Finds out what became of the containers of an earlier daemon; verbs on a container wait for
   * its turn, reads do not. Call once, before or after the API opens.
   */
  restore(): Promise<void>
  /**
   * `stopContainers` gives each its own stop timeout, all of them at most `timeoutSeconds`; else
   * they run on, and the next daemon finds them.
   */
  shutdown(o: { stopContainers: boolean; timeoutSeconds: number }): Promise<void>
  /** Containers made from an image, for those who would remove it. */
  usersOf(imageId: string): ImageUser[]
  /** Takes over what may change while the daemon runs. */
  reload(o: Pick<ContainersConfig, 'stopTimeoutSeconds' | 'liveRestore'>): void
  /** As the verb, for a step of a build. */
  startStep(id: string, extras: StepExtras): Promise<void>
  /** What a container has changed, as a layer's tar; `stubs` are made for mounts, and no change. */
  upper(id: string, stubs: readonly string[]): Promise<Upper>
  /** Running containers and their endpoints by network name. */
  attached(): Iterable<{ id: string; name: string; endpoints: ContainerDetail['endpoints'] }>
  /** Endpoints of containers that run, or of the starts to come. */
  connect(reference: string, network: string, asked: EndpointSettings): Promise<void>
  disconnect(reference: string, network: string, force: boolean): Promise<void>
  /** All of them with the sizes that are known after `waitMs`; -1 for the others. */
  listWithSizes(waitMs: number): Promise<ContainerSummary[]>
  /** Room that logs take, for `info` and `system df`. */
  logUsage: LogUsage
  counts(): { containers: number; running: number; paused: number; stopped: number }
}

/** What may be left out: it is there for tests. */
type Replaceable = 'clock' | 'readLog' | 'hostUsage' | 'runProbe'
export type ContainersOptions = Omit<ContainerDeps, Replaceable> &
  Partial<Pick<ContainerDeps, Replaceable>>

/** Starts of probes side by side: what is due at once must not be started at once. */
const PROBE_STARTS = 4

/** Loads the rows at once, so that reads answer from the first moment. */
export function createContainers(o: ContainersOptions): Containers {
  const locks = new KeyedLock()
  const ctx: Context = {
    clock: systemClock,
    readLog,
    hostUsage: kernelHostUsage,
    runProbe,
    ...o,
    registry: new Registry(),
    execs: new ExecRegistry(),
    probeStarts: new Semaphore(PROBE_STARTS),
    treeWriters: new TreeWriters(),
    locks,
    logs: logService(o, locks),
    shuttingDown: false,
    pruning: false,
  }
  const loaded = loadContainers(ctx)
  const logUsage = new CachedLogUsage(() => allLogs(ctx))
  return {
    backend: containerBackend(ctx),
    execs: execBackend(ctx),
    restore: () => restoreContainers(ctx, loaded),
    shutdown: async (options) => {
      await shutdownContainers(ctx, options)
      await ctx.logs.close()
    },
    logUsage,
    counts: () => counts(ctx),
    usersOf: (imageId) => ctx.registry.usersOf(imageId),
    reload: (settings) => Object.assign(ctx.config, settings),
    startStep: (id, extras) => startContainer(ctx, id, extras),
    upper: (id, stubs) => openUpper(ctx, ctx.registry.get(id), stubs),
    attached: () =>
      [...ctx.registry.all()]
        .filter(isRunning)
        .map(({ id, name, detail }) => ({ id, name, endpoints: detail.endpoints })),
    listWithSizes: (waitMs) => listWithSizes(ctx, logUsage, waitMs),
    connect: (reference, network, asked) => connectContainer(ctx, reference, network, asked),
    disconnect: (reference, network, force) => disconnectContainer(ctx, reference, network, force),
  }
}

const JOURNAL_SOCKET = '/run/systemd/journal/socket'

function logService(o: ContainersOptions, locks: KeyedLock): LogService {
  return new LogService({
    native: o.native,
    store: o.store,
    locks,
    // Tests have a journal of their own.
    journalSocket: process.env['TDOCKER_JOURNAL_SOCKET'] ?? JOURNAL_SOCKET,
    warn: (fields, message) => o.log.warn(fields, message),
  })
}

function* allLogs(ctx: Context): Iterable<{ id: string; files: LogFiles }> {
  for (const c of ctx.registry.all()) {
    const files = logFilesOf(ctx, c)
    if (files) yield { id: c.id, files }
  }
}

function containerBackend(ctx: Context): ContainerBackend {
  const collector = statsCollector(ctx)
  return {
    create: (o) => createContainer(ctx, o),
    dryRun: (o) => dryRun(ctx, o),
    addPorts: (id, ports) => addPorts(ctx, id, ports),
    removePorts: (id, ports) => removePorts(ctx, id, ports),
    list: (o) => listContainers(ctx, o),
    inspect: (id, o) => inspectContainer(ctx, id, o),
    start: (id) => startContainer(ctx, id),
    stop: (id, o) => stopContainer(ctx, id, o),
    restart: (id, o) => restartContainer(ctx, id, o),
    kill: (id, o) => killContainer(ctx, id, o),
    rename: (id, name) => renameContainer(ctx, id, name),
    resize: (id, o) => resizeContainer(ctx, id, o),
    remove: (id, o) => removeByReference(ctx, id, o),
    top: (id, psArgs) => topContainer(ctx, id, psArgs),
    wait: (id, o) => waitContainer(ctx, id, o),
    logs: (id, o) => containerLogs(ctx, id, o),
    attach: (id, o, hijack) => attachContainer(ctx, id, o, hijack),
    pause: (id) => pauseContainer(ctx, id),
    unpause: (id) => unpauseContainer(ctx, id),
    update: (id, body) => updateContainer(ctx, id, body),
    stats: (id, o) => containerStats(ctx, collector, id, o),
    changes: (id) => containerChanges(ctx, id),
    export: (id) => exportContainer(ctx, id),
    commit: (id, o) => commitContainer(ctx, id, o),
    statPath: (id, path) => statPath(ctx, id, path),
    getArchive: (id, path) => getArchive(ctx, id, path),
    putArchive: (id, o) => putArchive(ctx, id, o),
    prune: (o) => pruneContainers(ctx, o),
  }
}

function execBackend(ctx: Context): ExecBackend {
  return {
    create: (containerId, body) => createExec(ctx, containerId, body),
    start: (id, body, hijack) => startExec(ctx, id, body, hijack),
    resize: (id, o) => resizeExec(ctx, id, o),
    inspect: async (id) => inspectExec(ctx, id),
  }
}

function counts(ctx: Context): ReturnType<Containers['counts']> {
  const all = [...ctx.registry.all()]
  const paused = all.filter((c) => c.state === 'paused').length
  const running = all.filter(isRunning).length - paused
  return { containers: all.length, running, paused, stopped: all.length - running - paused }
}

const MIB = 1024 * 1024

/** A configuration with dockerd's defaults; `over` says what is different. */
export function containersConfig(
  over: Pick<ContainersConfig, 'dataRoot' | 'execRoot' | 'bootId'> & Partial<ContainersConfig>,
): ContainersConfig {
  return {
    machineName: hostname(),
    runtimes: ['runc', 'io.containerd.runc.v2', 'tdocker'],
    defaultRuntime: 'runc',
    logConfig: { Type: 'json-file', Config: {} },
    shmSize: 64 * MIB,
    ipcMode: 'private',
    cgroupnsMode: undefined,
    cgroupParent: '/tdocker',
    stopTimeoutSeconds: 10,
    ulimits: [],
    noNewPrivileges: false,
    init: false,
    initPath: undefined,
    initSource: '/bin/true',
    liveRestore: true,
    ...over,
  }
}
