import type { LogInfo } from '../log/driver/log-info.ts'
import { REMOTE_DRIVERS } from '../log/driver/options.ts'
import type { LogFiles } from '../log/log-files.ts'
import { hasCache, type LoggedContainer } from '../log/log-service.ts'
import type { Container } from './container.ts'
import type { Context } from './context.ts'
import { containerDirs } from './paths.ts'

/** The container as the log room sees it. */
export function loggedContainer(ctx: Pick<Context, 'config'>, c: Container): LoggedContainer {
  return { driver: driverOf(c), info: logInfo(c), files: logFilesOf(ctx, c) }
}

/** Where the log lies; undefined for `none`. */
export function logFilesOf(ctx: Pick<Context, 'config'>, c: Container): LogFiles | undefined {
  const dirs = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, c.id)
  const driver = driverOf(c)
  if (driver === 'none') return undefined
  if (driver === 'json-file') return { naming: 'numbered', path: dirs.log }
  return { naming: 'segments', path: dirs.segments }
}

/** Whether `docker logs` has something to read. */
export function hasReadableLog(c: Container): boolean {
  const driver = driverOf(c)
  if (REMOTE_DRIVERS.has(driver)) return hasCache(logOptionsOf(c))
  return driver !== 'none'
}

function driverOf(c: Container): string {
  return c.hostConfig.LogConfig?.Type || 'none'
}

function logOptionsOf(c: Container): LogInfo['config'] {
  return c.hostConfig.LogConfig?.Config ?? {}
}

function logInfo(c: Container): LogInfo {
  return {
    config: logOptionsOf(c),
    id: c.id,
    name: c.name,
    path: c.detail.path,
    args: c.detail.args,
    imageId: c.imageId,
    imageName: c.config.Image ?? '',
    createdNs: c.createdNs,
    env: c.config.Env ?? [],
    labels: c.config.Labels ?? {},
  }
}
