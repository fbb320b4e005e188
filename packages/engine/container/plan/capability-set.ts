import type { HostConfig } from '@tdocker/api'
import {
  CapabilityError,
  normalizeCapabilities,
  tweakCapabilities,
} from '@tdocker/oci/capabilities.ts'
import { invalidParameter } from '../../base/errors.ts'
import type { HostFacts } from './plan-input.ts'

/** Bounding, permitted and effective set of a container; without CAP_. */
export function planCapabilities(
  hostConfig: HostConfig,
  host: Pick<HostFacts, 'capabilities'>,
): string[] {
  return checked('', () =>
    tweakCapabilities({
      add: hostConfig.CapAdd ?? [],
      drop: hostConfig.CapDrop ?? [],
      privileged: hostConfig.Privileged === true,
      available: host.capabilities,
    }),
  )
}

/** Throws invalidParameter `invalid CapAdd: unknown capability: "CAP_X"`. */
export function validateCapabilities(
  hostConfig: HostConfig,
  host: Pick<HostFacts, 'capabilities'>,
): void {
  checked('invalid CapAdd: ', () =>
    normalizeCapabilities(hostConfig.CapAdd ?? [], host.capabilities),
  )
  checked('invalid CapDrop: ', () =>
    normalizeCapabilities(hostConfig.CapDrop ?? [], host.capabilities),
  )
}

function checked<T>(prefix: string, decide: () => T): T {
  try {
    return decide()
  } catch (error) {
    if (error instanceof CapabilityError) throw invalidParameter(prefix + error.message, error)
    throw error
  }
}
