import type { ContainerConfig } from '@tdocker/api'
import type { ImageConfig } from '@tdocker/oci'
import { invalidParameter } from '../../base/errors.ts'

type ImageDefaults = NonNullable<ImageConfig['config']>

/**
 * The container's config: what the user said, filled up from the image where the user said nothing.
 * `[""]` clears the entrypoint. Throws `no command specified` when neither names one.
 */
export function mergeConfig(user: ContainerConfig, image: ImageDefaults): ContainerConfig {
  const merged = fillConfig(user, image)
  if (merged.Entrypoint?.length === 1 && merged.Entrypoint[0] === '') delete merged.Entrypoint
  if (!merged.Entrypoint?.length && !merged.Cmd?.length)
    throw invalidParameter('no command specified')
  return merged
}

/** What one config says, filled up from another where it says nothing (moby: daemon/commit.go). */
export function fillConfig(user: ContainerConfig, image: ImageDefaults): ContainerConfig {
  const { Entrypoint: _entrypoint, Cmd: _cmd, ...rest } = user
  const merged: ContainerConfig = {
    ...rest,
    User: user.User || image.User || '',
    Env: mergeEnv(user.Env, image.Env),
    Labels: { ...image.Labels, ...user.Labels },
    WorkingDir: user.WorkingDir || image.WorkingDir || '',
    Volumes: { ...emptySets(image.Volumes), ...emptySets(user.Volumes) },
    ...mergeCommand(user, image),
  }
  const exposed = { ...emptySets(image.ExposedPorts), ...emptySets(user.ExposedPorts) }
  if (Object.keys(exposed).length > 0) merged.ExposedPorts = exposed
  else delete merged.ExposedPorts
  if (image.Healthcheck) merged.Healthcheck = mergeHealthcheck(user.Healthcheck, image.Healthcheck)
  const stopSignal = user.StopSignal || image.StopSignal
  if (stopSignal) merged.StopSignal = stopSignal
  return merged
}

/** The user's variables first; the image's follow unless the user named them. */
function mergeEnv(user: readonly string[] = [], image: readonly string[] = []): string[] {
  const named = new Set(user.map(envName))
  return [...user, ...image.filter((entry) => !named.has(envName(entry)))]
}

export function envName(entry: string): string {
  const equals = entry.indexOf('=')
  return equals < 0 ? entry : entry.slice(0, equals)
}

/**
 * An entrypoint of the user's own drops the image's command.
 * An empty list is "not said" for the command and "none" for the entrypoint, as in Docker.
 */
function mergeCommand(
  user: ContainerConfig,
  image: ImageDefaults,
): Pick<ContainerConfig, 'Cmd' | 'Entrypoint'> {
  let cmd = user.Cmd
  let entrypoint = user.Entrypoint
  if (!entrypoint?.length) {
    if (!cmd?.length) cmd = image.Cmd
    entrypoint ??= image.Entrypoint
  }
  return {
    ...(cmd ? { Cmd: [...cmd] } : {}),
    ...(entrypoint ? { Entrypoint: [...entrypoint] } : {}),
  }
}

type Healthcheck = NonNullable<ContainerConfig['Healthcheck']>

function mergeHealthcheck(
  user: Healthcheck | undefined,
  image: NonNullable<ImageDefaults['Healthcheck']>,
): Healthcheck {
  const merged: Healthcheck = { ...image, ...user }
  if (!user?.Test?.length && image.Test) merged.Test = image.Test
  for (const key of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries'] as const) {
    const value = user?.[key] || image[key]
    if (value) merged[key] = value
  }
  return merged
}

function emptySets(set: Readonly<Record<string, unknown>> | undefined): Record<string, object> {
  return Object.fromEntries(Object.keys(set ?? {}).map((key) => [key, {}]))
}
