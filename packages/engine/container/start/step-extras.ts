/** What one run of a build's step gets beside its container's configuration. */
import type { ContainerConfig } from '@tdocker/api'
import type { ResolvedMount } from '../plan/plan-input.ts'
import { clean } from '../plan/mounts.ts'

/** Told nobody and kept nowhere: neither rows nor `inspect` know of it. */
export interface StepExtras {
  /** Detached mounts of one file each; the descriptors stay the caller's. */
  mounts: ReadonlyArray<{ fd: number; target: string; readonly: boolean }>
  /** `KEY=VALUE`. */
  env: readonly string[]
}

export const noExtras: StepExtras = { mounts: [], env: [] }

export function extraMounts({ mounts }: StepExtras): ResolvedMount[] {
  return mounts.map(({ fd, target, readonly }) => ({
    type: 'bind',
    source: { fd },
    target: clean(target),
    readonly,
    recursive: false,
    recursiveReadonly: false,
    propagation: '',
    directory: false,
  }))
}

export function withExtraVariables(config: ContainerConfig, { env }: StepExtras): ContainerConfig {
  return env.length === 0 ? config : { ...config, Env: [...(config.Env ?? []), ...env] }
}
