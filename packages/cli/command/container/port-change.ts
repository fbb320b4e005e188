import type { ContainerPortsRequest, PortMap } from '@tdocker/api'
import { parsePublished } from '../../flag/spec/port.ts'
import type { Cli } from '../cli.ts'
import { onlyOurs } from '../only-ours.ts'
import { containerPath } from './lifecycle.ts'

/** What `port` takes as a verb when a container and ports follow; else it is a container's name. */
export type PortVerb = 'add' | 'rm'

export function isPortChange([verb, name, ...specs]: readonly string[]): boolean {
  return (verb === 'add' || verb === 'rm') && name !== undefined && specs.length > 0
}

/** `port add web 8080:80/tcp`, `port rm web 8080:80`, `port rm web 80`. Prints the container's name. */
export async function changePorts(
  cli: Cli,
  [verb, name = '', ...specs]: readonly string[],
): Promise<void> {
  const ports = parsePublished(specs)
  const body: ContainerPortsRequest = { PortBindings: verb === 'rm' ? named(ports) : ports }
  const path = `${containerPath(name)}/ports/${verb === 'rm' ? 'remove' : 'add'}`
  await onlyOurs('changing ports of a container', () => cli.client.run('POST', path, { body }))
  cli.print(`${name}\n`)
}

/** A container's port alone means all that is published of it. */
function named(ports: PortMap): PortMap {
  const bare = ({ HostIp = '', HostPort = '' }: PortMap[string][number]): boolean =>
    HostIp === '' && HostPort === ''
  return Object.fromEntries(
    Object.entries(ports).map(([key, bindings]) => [key, bindings.some(bare) ? [] : bindings]),
  )
}
