/**
 * The daemon's life: sockets first, so that clients can connect at once; then the engine; then
 * whatever was left behind is reconciled in the background while requests are answered.
 */
import { readFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Engine } from '@tdocker/engine/engine.ts'
import type { EngineConfig } from '@tdocker/engine/config.ts'
import type { Config, TlsFiles } from './config/config.ts'
import type { Flags } from './config/flags.ts'
import { loadConfig } from './config/load.ts'
import { listen, type Listeners } from './http/listen.ts'
import { makeApi, type Api, type TlsOptions } from './http/server.ts'
import { createLog, levelFor, type Log } from './log.ts'
import { notifyReady } from './notify.ts'
import { claimPidfile } from './pidfile.ts'
import { listenToSignals } from './signals.ts'
import { COMPATIBLE_VERSION, ENGINE_VERSION } from './version.ts'

/** Resolves when the daemon has ended in order; throws when it could not start. */
export async function runDaemon(config: Config, flags: Flags): Promise<void> {
  const log = createLog({ ...config, debug: config.engine.debug })
  for (const warning of config.warnings) log.warn(warning)
  useProxies(config.proxies, log)
  using _pidfile = claimPidfile(config.pidfile)
  // A second daemon on the same data would break both, whatever its other flags say.
  using _owner = claimPidfile(join(config.engine.dataRoot, 'tdockerd.pid'))
  surviveClients(log)
  const opening = openEngine(config.engine, log)
  // Heard below; until then the sockets may fail first.
  opening.catch(() => {})
  const api = makeApi({
    engine: opening,
    log,
    version: COMPATIBLE_VERSION,
    experimental: config.experimental,
    minimum: config.minimumVersion,
  })
  const listeners = await listen(api, {
    ...config,
    tls: config.tls && readTls(config.tls),
    warn: (message) => log.warn(message),
  })
  const engine = await started(opening, listeners)
  const current = { config: config.engine }
  const ended = listenToSignals({
    reload: () => void reload(engine, current, flags, log),
    impatient: () => process.exit(1),
  })
  using _watch = watchEventLoop(config.engine.debug, log)
  notifyReady((error) => log.warn({ err: error }, 'systemd was not told'))
  log.info({ addresses: listeners.addresses, version: ENGINE_VERSION }, 'API listen')
  const restored = restore(engine, log)
  const warming = setTimeout(() => void warm(api), WARM_AFTER_MS)
  await aborted(ended)
  clearTimeout(warming)
  log.info('shutting down')
  // Waits for containers to stop are the kernel's and keep no event loop alive.
  const alive = setInterval(() => {}, 2 ** 30)
  listeners.stop()
  await restored
  await engine.close({ stopContainers: !current.config.liveRestore })
  await listeners.close()
  clearInterval(alive)
}

/** As dockerd: the environment is where proxies are looked for, and what was configured wins there. */
function useProxies(proxies: Readonly<Record<string, string>>, log: Log): void {
  for (const [name, value] of Object.entries(proxies)) {
    for (const variable of [name, name.toLowerCase()]) {
      const before = process.env[variable]
      if (before !== undefined && before !== value) {
        log.warn(
          { name: variable },
          'overriding existing proxy variable with value from configuration',
        )
      }
      process.env[variable] = value
    }
  }
}

/** An engine that cannot be opened leaves no socket behind. */
async function started(opening: Promise<Engine>, listeners: Listeners): Promise<Engine> {
  try {
    return await opening
  } catch (error) {
    listeners.stop()
    throw error
  }
}

async function openEngine(config: EngineConfig, log: Log): Promise<Engine> {
  const engine = await import('@tdocker/engine/engine.ts')
  return engine.openEngine({ config, log })
}

async function restore(engine: Engine, log: Log): Promise<void> {
  const begun = performance.now()
  try {
    await engine.restore()
    log.info({ durationMs: Math.round(performance.now() - begun) }, 'restored')
  } catch (error) {
    log.error({ err: error }, 'not everything could be restored')
  }
}

/** Who waits for the daemon asks for `_ping` again and again: that is answered first. */
const WARM_AFTER_MS = 100

/** Loads what the first requests need, and keeps its compiled code for the next start. */
async function warm(api: Api): Promise<void> {
  await api.warm()
  flushCompileCache()
}

/** What SIGHUP may change; the rest of the file is read again at the next start. */
const reloadable = [
  'contentRetention',
  'debug',
  'defaultStopTimeout',
  'insecureRegistries',
  'labels',
  'liveRestore',
  'maxConcurrentDownloads',
  'maxConcurrentUploads',
  'maxDownloadAttempts',
  'registryMirrors',
  'shutdownTimeout',
] as const satisfies ReadonlyArray<keyof EngineConfig>

async function reload(
  engine: Engine,
  current: { config: EngineConfig },
  flags: Flags,
  log: Log,
): Promise<void> {
  try {
    const fresh = loadConfig(flags)
    const changes = reloadable.map((key) => [key, fresh.engine[key]])
    const next = { ...current.config, ...(Object.fromEntries(changes) as Partial<EngineConfig>) }
    await engine.reload(next)
    current.config = next
    log.level = levelFor({ ...fresh, debug: fresh.engine.debug })
    log.info('reloaded the configuration')
  } catch (error) {
    log.error({ err: error }, 'the configuration was not reloaded')
  }
}

/** Throws with moby's prefix when a file is missing or no certificate. */
function readTls(files: TlsFiles): TlsOptions {
  try {
    return {
      cert: readFileSync(files.cert),
      key: readFileSync(files.key),
      ...(files.ca !== undefined && { ca: readFileSync(files.ca) }),
    }
  } catch (error) {
    throw new Error(`invalid TLS configuration: ${(error as Error).message}`)
  }
}

/** A connection that breaks in an unlucky moment must not end the daemon. */
function surviveClients(log: Log): void {
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'))
  process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'ECONNRESET') {
      log.warn({ err: error }, 'a connection broke')
      return
    }
    log.fatal({ err: error }, 'internal error')
    process.exit(2)
  })
}

const watchEveryMs = 10_000
const toleratedMs = 50

/** In debug mode: tells when something held the event loop. */
function watchEventLoop(on: boolean, log: Log): Disposable {
  if (!on) return { [Symbol.dispose]: () => {} }
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const timer = setInterval(() => {
    const maxMs = Math.round(delay.max / 1e6)
    if (maxMs > toleratedMs) log.debug({ maxMs }, 'the event loop was held')
    delay.reset()
  }, watchEveryMs)
  timer.unref()
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer)
      delay.disable()
    },
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  // Signal handlers do not keep a process alive; the listeners do.
  await promise
}
