import type { HostConfig } from '@tdocker/api'
import { type EngineError, system } from '../../base/errors.ts'

type DeviceRequest = NonNullable<HostConfig['DeviceRequests']>[number]

/**
 * Says in Docker's words what a start makes of device requests on a machine without a driver for
 * them: there are only those for CDI and for GPUs by CDI, and no device that they know of.
 */
export function refuseDeviceRequests(hostConfig: HostConfig): void {
  for (const request of hostConfig.DeviceRequests ?? []) {
    if (request.Driver === 'cdi') refuseCdi(request)
    else if (isForGpu(request))
      throw system('failed to discover GPU vendor from CDI: no known GPU vendor found')
    else throw noDriver(request)
  }
}

/** What Docker's driver for AMD takes on: it is there wherever CDI is. */
function isForGpu({ Driver = '', Capabilities }: DeviceRequest): boolean {
  if (Driver !== '') return Driver === 'amd'
  const isKnown = (capability: string): boolean => ['gpu', 'amd'].includes(capability)
  return (Capabilities ?? []).some((set) => set.every(isKnown))
}

function noDriver({ Driver = '', Capabilities }: DeviceRequest): EngineError {
  const sets = (Capabilities ?? []).map((set) => `[${set.join(' ')}]`)
  return system(
    `could not select device driver ${JSON.stringify(Driver)} with capabilities: [${sets.join(' ')}]`,
  )
}

function refuseCdi({ Count = 0, Options, DeviceIDs }: DeviceRequest): void {
  if (Count !== 0) throw system('unexpected count in CDI device request')
  if (Object.keys(Options ?? {}).length > 0)
    throw system('unexpected options in CDI device request')
  const wanted = DeviceIDs ?? []
  if (wanted.length > 0)
    throw system(`CDI device injection failed: unresolvable CDI devices ${wanted.join(', ')}`)
}
