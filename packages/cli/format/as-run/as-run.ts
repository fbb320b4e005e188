import type { ContainerInspectResponse, HostConfig, ImageConfig } from '@tdocker/api'
import { quoteWord } from '../shell-words.ts'
import { flag, mapFlag, onFlag } from './flags.ts'
import type { Words } from './flags.ts'
import { networkFlags } from './network.ts'
import { commandWords, processFlags } from './process.ts'
import { resourceFlags } from './resources.ts'
import { securityFlags } from './security.ts'
import { storageFlags } from './storage.ts'

/** What the daemon takes where nothing is said. */
export interface DaemonDefaults {
  readonly runtime: string
  readonly logDriver: string
  readonly cgroupns: string
}

/**
 * The command line that makes a container like this one: only what differs from its image and from
 * the daemon's defaults, quoted for a shell.
 */
export function asRun(
  program: string,
  container: ContainerInspectResponse,
  image: ImageConfig,
  defaults: DaemonDefaults,
): string {
  const { Config: config, HostConfig: host, Name } = container
  const { before, after } = commandWords(config, image)
  const words = [
    program,
    'run',
    ...flag('--name', Name.replace(/^\//, '')),
    ...processFlags(container, image),
    ...lifeFlags(host, defaults),
    ...storageFlags(config, host, image),
    ...networkFlags(container, image),
    ...securityFlags(host, defaults),
    ...resourceFlags(host),
    ...before,
    config.Image ?? '',
    ...after,
  ]
  return words.map(quoteWord).join(' ')
}

function lifeFlags(host: HostConfig, defaults: DaemonDefaults): Words {
  const { RestartPolicy: policy, LogConfig: log } = host
  const retries = policy?.MaximumRetryCount ?? 0
  const name = policy?.Name ?? ''
  return [
    ...onFlag('--rm', host.AutoRemove),
    ...(name === '' || name === 'no'
      ? []
      : ['--restart', retries > 0 ? `${name}:${retries}` : name]),
    ...(log?.Type === defaults.logDriver ? [] : flag('--log-driver', log?.Type)),
    ...mapFlag('--log-opt', log?.Config),
    ...mapFlag('--annotation', host.Annotations),
  ]
}
