import type { HostConfig } from '@tdocker/api'
import { type EngineError, system } from '../../base/errors.ts'

type DeviceRequest = NonNullable<HostConfig['DeviceRequests']>[number]

/**
 * Says in Docker's words what a start makes of device requests on a machine without a driver for
 * them: there is only the one for CDI, and no device that it knows of.
 */
export function refuseDeviceRequests(hostConfig: HostConfig): void {
  for (const request of hostConfig.DeviceRequests ?? []) {
    if (request.Driver !== 'cdi') throw noDriver(request)
    refuseCdi(request)
  }
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
