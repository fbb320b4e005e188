import { mkdirSync } from 'node:fs'
import type {
  ContainerConfig,
  ContainerCreateResponse,
  HostConfig,
  NetworkingConfig,
} from '@tdocker/api'
import type { CreateOptions } from '../../backend-types.ts'
import { invalidParameter, system } from '../../base/errors.ts'
import type { RollbackScope } from '../../base/scope.ts'
import { type Statement, StoreError } from '../../store/store.ts'
import { type Container, joinedContainer } from '../container.ts'
import { type Context, rollback } from '../context.ts'
import { containerEvent } from '../events.ts'
import { newId } from '../id.ts'
import { resolveLinks } from '../links/links.ts'
import { invalidName, nameTaken } from '../messages.ts'
import { generateName, isValidName } from '../names/generate.ts'
import type { ResolvedImage } from '../needs.ts'
import { containerDirs } from '../paths.ts'
import { parseSecurityOptions } from '../plan/security-options.ts'
import { validatePlatform, validatePlatformMounts } from '../plan/validate.ts'
import { limitHost, validateCreateResources } from '../plan/validate-resources.ts'
import { blankState, deleteRow, insertRow } from '../rows.ts'
import { sandboxRequest } from '../start/sandbox.ts'
import {
  applyDefaults,
  defaultHostname,
  disableLabels,
  pinJoinedContainers,
  runtimeOf,
  setDefaultPaths,
} from './defaults.ts'
import { mergeLogConfig } from '../../log/driver/options.ts'
import { mergeConfig } from './merge-config.ts'
import { stepMountRecord } from './step-mount.ts'
import { resolveMountedImages } from './mounted-images.ts'
import { acquireVolumes, planMounts, populateVolumes } from './resolve-mounts.ts'
import { platformWarning } from './platform-warning.ts'
import { validateConfig } from './validate-config.ts'
import { validateHostConfig, validateRequest } from './validate-host-config.ts'

/** `POST /containers/create`. The row is committed before the directories are made. */
export async function createContainer(
  ctx: Context,
  o: CreateOptions,
): Promise<ContainerCreateResponse> {
  using holds = new DisposableStack()
  const request = await resolveRequest(ctx, o, (id, imageId) => {
    holds.use(ctx.registry.holdImage(id, imageId))
  })
  const { id, image, wish } = request
  await using scope = rollback(ctx, o.name ?? '')
  const container = await planContainer(ctx, o, request, scope, (imageId) => {
    holds.use(ctx.registry.holdImage(id, imageId, { mounts: true }))
  })
  const volumes = await acquireVolumes(ctx, wish.host, container.detail.mounts, scope)
  await populateVolumes(ctx, image.lowers, volumes)

  await commitCreate(ctx, container, o.statements ?? [])
  scope.undo('delete row', () =>
    ctx.events.commit([deleteRow(id)], [containerEvent(container, 'destroy')]),
  )
  makeDirectories(ctx, id)
  ctx.registry.add(container)
  ctx.cgroups.anticipateJoin()
  scope.release()
  for (const { handle } of volumes) handle.release()
  return { Id: id, Warnings: wish.warnings }
}

/** A request found to be in order, with the image it names. */
export interface ResolvedRequest {
  id: string
  image: ResolvedImage
  wish: Wish
}

/** `hold` is told the container's id and its image's, by one who goes on to make it. */
export async function resolveRequest(
  ctx: Context,
  o: CreateOptions,
  hold?: (id: string, imageId: string) => void,
): Promise<ResolvedRequest> {
  const wish = validateWish(ctx, o)
  // Docker makes a container of nothing where a command is given; we need an image's layers.
  if (!wish.config.Image && command(wish.config).length > 0)
    throw invalidParameter('invalid reference format')
  if (!wish.config.Image) throw invalidParameter('no command specified')
  const id = newId()
  const image = await ctx.images.resolve(
    wish.config.Image,
    o.platform,
    hold && ((imageId) => hold(id, imageId)),
  )
  const warning = o.platform === undefined ? platformWarning(image.config) : undefined
  if (warning !== undefined) wish.warnings.push(warning)
  return { id, image, wish }
}

/**
 * The container as it is to be, in memory alone: its name is reserved until `scope` is undone, and
 * nothing is made. The caller holds the image; `holdMount` is told of those to be mounted in it.
 */
export async function planContainer(
  ctx: Context,
  o: CreateOptions,
  { id, image, wish }: ResolvedRequest,
  scope: RollbackScope,
  holdMount?: (imageId: string) => void,
): Promise<Container> {
  const config = mergeConfig(wish.config, image.config.config ?? {})
  // What a step writes there is to be in its layer.
  if (o.buildStep) delete config.Volumes
  wish.host.LogConfig = mergeLogConfig(wish.host.LogConfig, ctx.config.logConfig)
  setDefaultPaths(wish.host, ctx.host)
  const name = reserveName(ctx, o.name, id)
  scope.undo('release name', () => ctx.registry.release(name, id))
  parseSecurityOptions(wish.host)
  const container = newContainer(ctx, { ...wish, config, id, name, image })
  if (o.buildStep) container.detail.buildStep = true
  container.detail.mounts = planMounts(ctx, config, wish.host, o.readOnlyNonRecursive === true)
  container.detail.mounts.push(...(o.stepMounts ?? []).map(stepMountRecord))
  await resolveMountedImages(ctx, container.detail.mounts, holdMount)
  await planNetwork(ctx, container)
  refuseStorageOptions(wish.host)
  const links = resolveLinks(ctx.registry, wish.host)
  if (links.length > 0) container.detail.links = links
  return container
}

export interface Wish {
  config: ContainerConfig
  host: HostConfig
  networking: NetworkingConfig
  warnings: string[]
}

/** Everything that can be said against a request without looking at its image. */
function validateWish(ctx: Context, o: CreateOptions): Wish {
  const body = structuredClone(o.body)
  const { HostConfig: given, NetworkingConfig: networking, ...rest } = body
  const config: ContainerConfig = rest
  const host = given ?? {}
  validateRequest(config, host)
  validateCreateResources(host, limitHost(ctx))
  validateConfig(config)
  validateHostConfig(host, ctx.host)
  const warnings = validatePlatform(config, host, limitHost(ctx))
  host.Runtime = runtimeOf(host.Runtime, ctx.config)
  validatePlatformMounts(host)
  if (o.hostCgroupnsOnV1 && ctx.cgroups.version === 1) host.CgroupnsMode ||= 'host'
  applyDefaults(host, ctx)
  if (host.NetworkMode === 'bridge' && host.Links?.length)
    warnings.push(
      'Links on the default bridge network are deprecated and will be removed in a future release. Use a custom network instead.',
    )
  pinJoinedContainers(host, ctx.registry)
  disableLabels(host)
  return {
    config,
    host,
    networking: networking ?? {},
    warnings,
  }
}

/** A quota needs a file system that has them per project. */
function refuseStorageOptions(host: HostConfig): void {
  const options = Object.keys(host.StorageOpt ?? {})
  if (options.some((key) => key.toLowerCase() === 'size'))
    throw system("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
  if (options.length > 0) throw system(`Unknown option ${options[0]!.toLowerCase()}`)
}

function command(config: ContainerConfig): string[] {
  return [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]
}

function reserveName(ctx: Context, wanted: string | undefined, id: string): string {
  let name = wanted?.replace(/^\//, '') ?? ''
  if (wanted) {
    if (!isValidName(name)) throw invalidName(wanted)
  } else name = generateName((candidate) => ctx.registry.isFree(candidate), id)
  ctx.registry.reserve(name, id)
  return name
}

function newContainer(
  ctx: Context,
  o: Wish & { id: string; name: string; image: ResolvedImage },
): Container {
  const { config } = o
  config.Hostname = defaultHostname(config, o.host, o.id, ctx.config.machineName)
  const [path = '', ...args] = command(config)
  return {
    ...blankState(),
    id: o.id,
    name: o.name,
    imageId: o.image.id,
    createdNs: ctx.clock.nowNs(),
    config,
    hostConfig: o.host,
    lowers: o.image.lowers,
    detail: {
      path,
      args,
      mounts: [],
      networking: o.networking,
      endpoints: {},
      ports: {},
      manuallyStopped: false,
      startedBefore: false,
      os: o.image.config.os || 'linux',
    },
  }
}

async function planNetwork(ctx: Context, container: Container): Promise<void> {
  if (joinedContainer(container.hostConfig.NetworkMode) !== undefined) return
  const { asked, endpoints } = await ctx.networks.plan(sandboxRequest(container))
  container.detail.networking = { EndpointsConfig: asked }
  container.detail.endpoints = endpoints
}

async function commitCreate(
  ctx: Context,
  c: Container,
  others: readonly Statement[],
): Promise<void> {
  const names = new Set(
    c.detail.mounts.filter((record) => record.type === 'volume').map((record) => record.name),
  )
  const uses = [...names].map((name) => ctx.volumes.use(name, c.id))
  try {
    await ctx.events.commit(
      [insertRow(c, ctx.config.bootId), ...uses, ...others],
      [containerEvent(c, 'create')],
    )
  } catch (error) {
    if (error instanceof StoreError && error.code === 'SQLITE_CONSTRAINT_UNIQUE')
      throw nameTaken(c.name, c.id)
    throw error
  }
}

/** Upper and work directory; the log is made by the shim. Also called at start: cheap when there. */
export function makeDirectories(ctx: Context, id: string): void {
  const dirs = containerDirs(ctx.config.dataRoot, ctx.config.execRoot, id)
  mkdirSync(dirs.home, { recursive: true, mode: 0o710 })
  // The upper directory's mode is the mode of the container's `/`.
  mkdirSync(dirs.diff, { recursive: true, mode: 0o755 })
  mkdirSync(dirs.work, { recursive: true, mode: 0o700 })
}
