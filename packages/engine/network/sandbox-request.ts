import type { EndpointSettings } from '@tdocker/api'
import { EngineError, invalidParameter } from '../base/errors.ts'
import type { SandboxRequest } from '../container/needs.ts'
import { endpointProblems } from './endpoint-check.ts'
import { endpointSettings } from './endpoint-settings.ts'
import { checkExtraHost } from './hosts-file.ts'
import { joinedErrors } from './joined-errors.ts'
import type { LiveNetwork } from './live-network.ts'
import type { NetworkContext } from './network-context.ts'
import { DEFAULT_NETWORK } from './networks-config.ts'
import { exposedPorts, portRequests } from './port-request.ts'
import { isReserved } from './predefined.ts'

const MAC = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i
const MODES: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'default', ''])

type Directory = Pick<NetworkContext, 'directory'>

/** A network that a container is to have an endpoint on. */
export interface EndpointChoice {
  network: LiveNetwork
  asked: EndpointSettings | undefined
}

/** Docker's words for the default bridge; every other mode is a network's name or id. */
export function networkNameOf(mode: string): string {
  return mode === '' || mode === 'default' ? DEFAULT_NETWORK : mode
}

/**
 * The endpoints of a container that is made now, by the names that `inspect` shows: as wished, or
 * the one of its mode. Throws invalidParameter with moby's sentences for what no start could serve;
 * a network that is not there yet is the start's matter, as `docker run` takes a 404 of the create
 * for a missing image.
 */
export function planEndpoints(
  ctx: Directory,
  request: SandboxRequest,
): Record<string, { asked: EndpointSettings; shown: EndpointSettings }> {
  portRequests(request)
  exposedPorts(request)
  for (const entry of request.extraHosts) checkExtraHost(entry)
  checkMac(request.macAddress)
  const wished = request.networking.EndpointsConfig ?? {}
  checkWishes(ctx, wished)
  const mode = modeName(ctx, request.mode)
  const entries = Object.entries(wished).map(
    ([key, asked]) => [keyOf(ctx, key, mode), asked] as const,
  )
  // The mode's network first: its interface is eth0.
  entries.sort(([a], [b]) => Number(b === mode) - Number(a === mode))
  const all = entries.length > 0 ? entries : [[mode, {}] as const]
  return Object.fromEntries(
    all.map(([name, asked]) => [name, { asked, shown: endpointSettings(asked, undefined) }]),
  )
}

/** The networks of a start, found by name or id. Throws as moby's start does. */
export function wishesOf(ctx: Directory, request: SandboxRequest): EndpointChoice[] {
  const wished = request.networking.EndpointsConfig
  const keys = wished === undefined ? [networkNameOf(request.mode)] : Object.keys(wished)
  return keys.map((key) => {
    const asked = wished?.[key]
    const network = findFor(ctx, key, request)
    const problem = asked && endpointProblems(network.name, network, asked)
    if (problem !== undefined) throw invalidParameter(problem)
    return { network, asked }
  })
}

/** moby's getNetworkID: a network of users is known by the id it had at the last start. */
function findFor(ctx: Directory, key: string, request: SandboxRequest): LiveNetwork {
  const known = isReserved(key) ? '' : request.known[key]?.NetworkID
  return ctx.directory.get(known || networkNameOf(key))
}

function checkWishes(
  ctx: Directory,
  wished: Readonly<Record<string, EndpointSettings | null>>,
): void {
  const problems = Object.entries(wished).flatMap(([key, asked]) => {
    if (asked === null) return [`invalid config for network ${key}: EndpointsConfig is nil`]
    const text = endpointProblems(key, findQuietly(ctx, key), asked)
    return text === undefined ? [] : [`invalid config for network ${key}: ${text}`]
  })
  const text = joinedErrors(problems)
  if (text !== undefined) throw invalidParameter(text)
  for (const asked of Object.values(wished)) checkMac(asked?.MacAddress ?? '')
}

function checkMac(mac: string): void {
  if (mac === '' || MAC.test(mac)) return
  throw invalidParameter(`invalid MAC address ${mac}`)
}

/** How the mode's network is called, as far as it is known. */
function modeName(ctx: Directory, mode: string): string {
  if (MODES.has(mode)) return networkNameOf(mode)
  return findQuietly(ctx, mode)?.name ?? mode
}

/** The endpoint of the mode goes by the network's name, also where it was wished by id. */
function keyOf(ctx: Directory, key: string, mode: string): string {
  if (key === 'default') return DEFAULT_NETWORK
  const network = findQuietly(ctx, key)
  return network !== undefined && network.name === mode ? mode : key
}

function findQuietly(ctx: Directory, reference: string): LiveNetwork | undefined {
  try {
    return ctx.directory.find(networkNameOf(reference))
  } catch (error) {
    // Ambiguous.
    if (error instanceof EngineError) return undefined
    throw error
  }
}
