import { hostname } from 'node:os'
import type { EngineConfig } from '../config.ts'
import type { NewEvent } from '../event/event-log.ts'
import { DEFAULT_RUNTIME, RUNTIMES } from './runtimes.ts'

/** What holds after a reload, under moby's names (daemon/reload.go). */
export function reloadEvent(actorId: string, config: EngineConfig): NewEvent {
  return {
    type: 'daemon',
    action: 'reload',
    actorId,
    attributes: {
      'content-retention': config.contentRetention,
      debug: String(config.debug),
      ...(config.defaultCgroupnsMode && { 'default-cgroupns-mode': config.defaultCgroupnsMode }),
      'default-ipc-mode': config.defaultIpcMode,
      'default-runtime': DEFAULT_RUNTIME,
      'default-shm-size': String(config.defaultShmSize),
      'default-stop-timeout': String(config.defaultStopTimeout),
      'insecure-registries': JSON.stringify(config.insecureRegistries),
      labels: JSON.stringify(config.labels),
      'live-restore': String(config.liveRestore),
      'max-concurrent-downloads': String(config.maxConcurrentDownloads),
      'max-concurrent-uploads': String(config.maxConcurrentUploads),
      'max-download-attempts': String(config.maxDownloadAttempts),
      name: hostname(),
      'registry-mirrors': JSON.stringify(config.registryMirrors),
      runtimes: RUNTIMES.join(' '),
      'shutdown-timeout': String(config.shutdownTimeout),
    },
  }
}
