import type { ContainerInspectResponse, ImageConfig, ImageInspect, SystemInfo } from '@tdocker/api'
import { ApiError } from '../../client/errors.ts'
import { quote } from '../../flag/scalar.ts'
import { asRun } from '../../format/as-run/as-run.ts'
import type { DaemonDefaults } from '../../format/as-run/as-run.ts'
import type { Cli } from '../cli.ts'
import { imagePath } from '../image/path.ts'
import { programName } from '../program.ts'
import { containerPath } from './lifecycle.ts'

/** `inspect --as run`: a line per container; what could not be found ends it with 1. */
export async function inspectAs(
  cli: Cli,
  names: readonly string[],
  form: string,
  format: string,
): Promise<void> {
  if (form !== 'run') throw new Error(`unknown form: ${quote(form)}: must be "run"`)
  if (format !== '') throw new Error('conflicting options: cannot specify both --as and --format')
  const defaults = daemonDefaults(await cli.client.get<SystemInfo>('/info'))
  const errors: string[] = []
  for (const name of names) {
    try {
      const path = `${containerPath(name)}/json`
      const container = await cli.client.get<ContainerInspectResponse>(path)
      const image = await imageConfig(cli, container)
      cli.print(`${asRun(programName, container, image, defaults)}\n`)
      for (const warning of warnings(container)) cli.printError(`WARNING: ${warning}\n`)
    } catch (error) {
      errors.push((error as Error).message)
    }
  }
  if (errors.length > 0) throw new Error(errors.join('\n'))
}

function daemonDefaults(info: SystemInfo): DaemonDefaults {
  return {
    runtime: info.DefaultRuntime ?? 'runc',
    logDriver: info.LoggingDriver ?? 'json-file',
    cgroupns: info.CgroupVersion === '1' ? 'host' : 'private',
  }
}

/** Of an image that is gone everything is the container's own. */
async function imageConfig(cli: Cli, { Image }: ContainerInspectResponse): Promise<ImageConfig> {
  try {
    return (await cli.client.get<ImageInspect>(`${imagePath(Image)}/json`)).Config ?? {}
  } catch (error) {
    if (error instanceof ApiError && error.isNotFound) return {}
    throw error
  }
}

function warnings({ HostConfig: { SecurityOpt } }: ContainerInspectResponse): string[] {
  return (SecurityOpt ?? []).some((option) => option.startsWith('seccomp={'))
    ? ['--security-opt seccomp takes a file: save the profile and name it']
    : []
}
