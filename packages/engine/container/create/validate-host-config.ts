import { isIP } from 'node:net'
import type { ContainerConfig, HostConfig } from '@tdocker/api'
import { invalidParameter } from '../../base/errors.ts'
import { validateOnUnhealthy } from '../../health/on-unhealthy.ts'
import { validateCapabilities } from '../plan/capability-set.ts'
import type { HostFacts } from '../plan/plan-input.ts'
import { checkHostPort, checkPortKey } from './ports.ts'
import { validateMount } from './mount-spec.ts'

/** What contradicts itself or Linux, before anything else is looked at. */
export function validateRequest(config: ContainerConfig, host: HostConfig): void {
  validateNetworkMode(config, host)
  const isolation = host.Isolation ?? ''
  if (!['', 'default'].includes(isolation.toLowerCase()))
    throw invalidParameter(`invalid isolation (${isolation}): linux only supports 'default'`)
}

/** Checks that need no image, in Docker's order and words. Throws invalidParameter. */
export function validateHostConfig(host: HostConfig, facts: Pick<HostFacts, 'capabilities'>): void {
  const policy = host.RestartPolicy?.Name ?? ''
  if (host.AutoRemove && policy !== '' && policy !== 'no')
    throw invalidParameter("can't create 'AutoRemove' container with restart policy")
  for (const mount of host.Mounts ?? []) validateMount(mount)
  for (const entry of host.ExtraHosts ?? []) checkExtraHost(entry)
  for (const [port, bindings] of Object.entries(host.PortBindings ?? {})) {
    checkPortKey(port)
    for (const binding of bindings ?? []) checkHostPort(binding.HostPort ?? '')
  }
  validateRestartPolicy(host.RestartPolicy)
  validateCapabilities(host, facts)
  if ('' in (host.Annotations ?? {}))
    throw invalidParameter(
      'invalid Annotations: the empty string is not permitted as an annotation key',
    )
  validateOnUnhealthy(host)
}

export function validateRestartPolicy(policy: HostConfig['RestartPolicy']): void {
  const name = policy?.Name ?? ''
  const count = policy?.MaximumRetryCount ?? 0
  switch (name) {
    case '':
      return
    case 'always':
    case 'unless-stopped':
    case 'no':
      if (count === 0) return
      throw invalidParameter(
        "invalid restart policy: maximum retry count can only be used with 'on-failure'" +
          (count < 0 ? ' and cannot be negative' : ''),
      )
    case 'on-failure':
      if (count >= 0) return
      throw invalidParameter('invalid restart policy: maximum retry count cannot be negative')
    default:
      throw invalidParameter(
        `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
      )
  }
}

function checkExtraHost(entry: string): void {
  const colon = entry.indexOf(':')
  if (colon <= 0) throw invalidParameter(`bad format for add-host: ${JSON.stringify(entry)}`)
  const address = entry.slice(colon + 1)
  if (address !== 'host-gateway' && isIP(address.trim()) === 0)
    throw invalidParameter(`invalid IP address in add-host: ${JSON.stringify(address)}`)
}

/** Options of the container that contradict its network or UTS mode. */
function validateNetworkMode(config: ContainerConfig, host: HostConfig): void {
  const mode = host.NetworkMode ?? ''
  const joins = mode === 'container' || mode.startsWith('container:')
  if (joins) validateJoinedNetwork(config, host, mode)
  if (host.UTSMode === 'host' && config.Hostname)
    throw invalidParameter('conflicting options: hostname and the UTS mode')
  if (mode === 'host' && host.Links?.length)
    throw invalidParameter(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    )
}

function validateJoinedNetwork(config: ContainerConfig, host: HostConfig, mode: string): void {
  const refuse = (what: string): never => {
    throw invalidParameter(`conflicting options: ${what}`)
  }
  if (mode.slice('container:'.length) === '')
    throw invalidParameter('invalid network mode: invalid container format container:<name|id>')
  if (config.Hostname) refuse('hostname and the network mode')
  if (host.Links?.length)
    refuse(
      "container type network can't be used with links. This would result in undefined behavior",
    )
  if (host.Dns?.length) refuse('dns and the network mode')
  if (host.ExtraHosts?.length) refuse('custom host-to-IP mapping and the network mode')
  if (Object.keys(host.PortBindings ?? {}).length > 0 || host.PublishAllPorts)
    refuse('port publishing and the container type network mode')
  if (Object.keys(config.ExposedPorts ?? {}).length > 0)
    refuse('port exposing and the container type network mode')
}
