import type { IPAM, NetworkCreateRequest } from '@tdocker/api'
import { conflict, forbidden, invalidParameter, notFound } from '../base/errors.ts'
import type { NetworkDirectory } from './directory.ts'
import { OPTION, parseBool } from './drivers/options.ts'
import { checkIpam, poolWishes, type PoolWish } from './ipam-request.ts'
import { blankConfig, type NetworkConfig } from './network-rows.ts'
import { isReserved } from './predefined.ts'

/** A network as a request wishes it: nothing is allocated or made yet. */
export interface NetworkWish {
  name: string
  driver: string
  config: NetworkConfig
  pools: PoolWish[]
}

export interface CreateRules {
  directory: NetworkDirectory
  /** Names of the drivers that networks of users may have. */
  drivers: ReadonlySet<string>
  /** `default-network-opts`. */
  defaultOptions: Readonly<Record<string, Readonly<Record<string, string>>>>
}

const IPAM_DRIVERS: ReadonlySet<string> = new Set(['default', 'null'])

/** Everything that can be said against a request, in moby's order and words. */
export function checkCreate(body: NetworkCreateRequest, rules: CreateRules): NetworkWish {
  const name = body.Name ?? ''
  // The space at the end is moby's.
  if (isReserved(name)) throw forbidden(`operation is not permitted on predefined ${name} network `)
  const driver = body.Driver || 'bridge'
  if (driver === 'overlay')
    throw forbidden(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    )
  const config = configOf(body, driver, rules)
  if (body.IPAM) checkIpam(body.IPAM.Config ?? [], config.enableIPv6)
  if (name.trim() === '') throw invalidParameter('invalid name: name is empty')
  if (rules.directory.byName(name)) throw conflict(`network with name ${name} already exists`)
  checkConfiguration(body, config)
  if (config.configOnly)
    return { name, driver: 'null', config, pools: configuredPools(body, config) }
  if (driver === 'host' || driver === 'null')
    throw forbidden(`only one instance of "${driver}" network is allowed`)
  if (!rules.drivers.has(driver)) throw notFound(`plugin ${JSON.stringify(driver)} not found`)
  if (body.Ingress) throw forbidden('Ingress network can only be global scope network')
  const wish = { name, driver, config, pools: configuredPools(body, config) }
  if (config.configFrom !== '') applyConfiguration(wish, rules.directory)
  if (body.Scope === 'swarm')
    throw forbidden('cannot create a swarm scoped network when swarm is not active')
  if (!IPAM_DRIVERS.has(config.ipamDriver))
    throw notFound(`plugin ${JSON.stringify(config.ipamDriver)} not found`)
  return wish
}

function configOf(body: NetworkCreateRequest, driver: string, rules: CreateRules): NetworkConfig {
  const configFrom = body.ConfigFrom?.Network ?? ''
  const options = {
    ...(body.ConfigFrom === undefined ? rules.defaultOptions[driver] : undefined),
    ...body.Options,
  }
  return {
    ...blankConfig(),
    enableIPv4: familySwitch(options, body.EnableIPv4, OPTION.enableIPv4, true),
    enableIPv6: familySwitch(options, body.EnableIPv6, OPTION.enableIPv6, false),
    internal: body.Internal ?? false,
    attachable: body.Attachable ?? false,
    configOnly: body.ConfigOnly ?? false,
    configFrom,
    ipamDriver: body.IPAM?.Driver || 'default',
    ipamOptions: body.IPAM?.Options ?? null,
    options,
    labels: body.Labels ?? {},
  }
}

/** What the request says goes before the option, which then would only be wrong in `inspect`. */
function familySwitch(
  options: Record<string, string>,
  asked: boolean | undefined,
  key: string,
  usual: boolean,
): boolean {
  if (asked !== undefined) {
    delete options[key]
    return asked
  }
  const text = options[key]
  if (text === undefined) return usual
  const value = parseBool(text)
  if (value === undefined)
    throw invalidParameter(`driver-opt ${JSON.stringify(key)} is not a valid bool`)
  return value
}

/** What configuration networks, and those made from them, may not say themselves. */
function checkConfiguration(body: NetworkCreateRequest, config: NetworkConfig): void {
  const { configOnly, configFrom } = config
  if (configOnly && (body.Ingress || config.internal || config.attachable || body.Scope))
    throw forbidden(
      'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
    )
  if (configFrom === '') return
  if (configOnly)
    throw forbidden('a configuration network cannot depend on another configuration network')
  const own =
    config.ipamDriver !== 'default' ||
    !config.enableIPv4 ||
    config.enableIPv6 ||
    Object.keys(config.labels).length > 0 ||
    Object.keys(config.ipamOptions ?? {}).length > 0 ||
    (body.IPAM?.Config ?? []).length > 0
  if (own)
    throw forbidden(
      'user-specified configurations are not supported if the network depends on a configuration network',
    )
  if (Object.keys(config.options).length > 0)
    throw forbidden(
      'network driver options are not supported if the network depends on a configuration network',
    )
}

function configuredPools(body: { IPAM?: IPAM }, config: NetworkConfig): PoolWish[] {
  return poolWishes(body.IPAM?.Config ?? [], config)
}

function applyConfiguration(wish: NetworkWish, directory: NetworkDirectory): void {
  const { config } = wish
  const from = directory.byName(config.configFrom)
  if (from?.config.configOnly !== true)
    throw notFound(`configuration network ${JSON.stringify(config.configFrom)} does not exist`)
  const { enableIPv4, enableIPv6, labels, ipamDriver, ipamOptions, options, pools } = from.config
  Object.assign(config, {
    enableIPv4,
    enableIPv6,
    labels: { ...labels },
    ipamDriver,
    ipamOptions: ipamOptions && { ...ipamOptions },
    options: { ...options },
  })
  wish.pools = poolWishes(
    pools.map((pool) => ({
      Subnet: pool.subnet,
      ...(pool.range === undefined ? {} : { IPRange: pool.range }),
      ...(pool.gateway === undefined ? {} : { Gateway: pool.gateway }),
      ...(pool.auxiliary === undefined ? {} : { AuxiliaryAddresses: pool.auxiliary }),
    })),
    config,
  )
}
