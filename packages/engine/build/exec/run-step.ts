/** RUN: a container of the image so far, with the default sandbox; what it changed is the layer. */
import { randomBytes } from 'node:crypto'
import type { ContainerConfig, HostConfig, Mount } from '@tdocker/api'
import type { Native } from '@tdocker/kernel/native.ts'
import { EngineError } from '../../base/errors.ts'
import { type Store, sql } from '../../store/store.ts'
import type { BuildOptions } from '../build-backend.ts'
import type { Operation } from '../graph/operation.ts'
import type { StepContainers, StepExtras, StepMount } from '../needs.ts'
import { type Heard, hearOutput } from './output-frames.ts'

export type RunOperation = Extract<Operation, { kind: 'run' }>

export interface StepsContext {
  containers: StepContainers
  native: Pick<Native, 'closeFd' | 'socketPair'>
  store: Store
}

export interface RunContext extends StepsContext {
  /** Goes on while the next step runs. */
  later(work: Promise<void>): void
}

export interface RunRequest {
  imageId: string
  operation: RunOperation
  options: Pick<BuildOptions, 'networkMode' | 'extraHosts' | 'resources' | 'remove'>
  mounts: readonly Mount[]
  stepMounts: readonly StepMount[]
  extras: StepExtras
  /** Paths that are made for mounts, and no change of the image. */
  stubs: readonly string[]
  signal: AbortSignal
  heard: Heard
  /** The command waits, too, where its output has nowhere to go. */
  untilTold: (() => Promise<void> | undefined) | undefined
  /** The container is there, not yet started. */
  created(id: string, warnings: readonly string[]): void
  /** The command runs. */
  started(): void
  removed(id: string): void
}

/** A command that ended with another code than 0, or could not be started. */
export class CommandFailed extends EngineError {
  /** What the client is told beside the sentence. */
  readonly exitCode: number
  readonly command: readonly string[]
  constructor(command: readonly string[], exitCode: number) {
    super('system', `The command '${command.join(' ')}' returned a non-zero code: ${exitCode}`)
    this.exitCode = exitCode
    this.command = command
  }
}

/** Of this process: what bears it was not left behind by another. */
const OWN = `build-${randomBytes(4).toString('hex')}-`

export function stepName(): string {
  return `${OWN}${randomBytes(8).toString('hex')}`
}

/** Runs it and gives its changes to `commit`; the container is gone afterwards, however it ends. */
export async function runStep<T>(
  ctx: RunContext,
  o: RunRequest,
  commit: (tar: AsyncIterable<Uint8Array>, containerId: string) => Promise<T>,
): Promise<T> {
  const name = stepName()
  let id: string | undefined
  const remove = async (): Promise<void> => {
    if (id !== undefined && (o.options.remove || o.signal.aborted)) await removeQuietly(ctx, id)
    await ctx.store.write([sql`DELETE FROM build_container WHERE name = ${name}`])
  }
  let isOver = false
  try {
    const made = await ctx.containers.create({
      name,
      body: bodyOf(o),
      buildStep: true,
      stepMounts: o.stepMounts,
      // With its row: what is made without one would be found by nobody after a crash.
      statements: [sql`INSERT INTO build_container (name) VALUES (${name})`],
    })
    id = made.Id
    o.created(id, made.Warnings)
    await run(ctx, o, id)
    const result = await committed(ctx, o, made.Id, commit)
    isOver = true
    return result
  } finally {
    if (id !== undefined && (o.options.remove || o.signal.aborted)) o.removed(id)
    // The next step need not wait for it.
    if (isOver) ctx.later(remove())
    else await remove()
  }
}

async function committed<T>(
  ctx: RunContext,
  { stubs }: RunRequest,
  id: string,
  commit: (tar: AsyncIterable<Uint8Array>, containerId: string) => Promise<T>,
): Promise<T> {
  await using upper = await ctx.containers.upper(id, stubs)
  return await commit(upper.tar, id)
}

async function run(ctx: RunContext, o: RunRequest, id: string): Promise<void> {
  const { signal } = o
  const kill = (): void => void removeQuietly(ctx, id)
  signal.throwIfAborted()
  const [mine, shims] = ctx.native.socketPair()
  const output = hearOutput(mine, o.heard, o.untilTold)
  try {
    const streams = { stdin: false, stdout: true, stderr: true, stream: true, logs: false }
    // The attach owns its end.
    const hijack = { take: async () => ({ fd: shims, head: Buffer.alloc(0) }), signal }
    await ctx.containers.attach(id, streams, hijack)
    const never = new AbortController().signal
    const { result } = await ctx.containers.wait(id, { condition: 'next-exit', signal: never })
    result.catch(() => {})
    signal.throwIfAborted()
    await ctx.containers.start(id, o.extras)
    o.started()
    signal.addEventListener('abort', kill, { once: true })
    if (signal.aborted) kill()
    const { StatusCode } = await result
    await output.ended
    signal.throwIfAborted()
    if (StatusCode !== 0) throw new CommandFailed(o.operation.command, StatusCode)
  } finally {
    signal.removeEventListener('abort', kill)
    output.close()
  }
}

async function removeQuietly(ctx: StepsContext, id: string): Promise<void> {
  try {
    await ctx.containers.remove(id, { force: true, volumes: true, link: false })
  } catch {
    // Gone already, or on its way; what is not is found by its row.
  }
}

/** Removes containers of steps that a crash left behind. Builds may be at work already. */
export async function removeLeftContainers(ctx: StepsContext): Promise<void> {
  for (const { name } of ctx.store.all<{ name: string }>('SELECT name FROM build_container')) {
    if (name.startsWith(OWN)) continue
    await removeQuietly(ctx, name)
    await ctx.store.write([sql`DELETE FROM build_container WHERE name = ${name}`])
  }
}

function bodyOf(o: RunRequest): ContainerConfig & { HostConfig: HostConfig } {
  const { operation, options } = o
  const { config } = operation
  return {
    Image: o.imageId,
    Cmd: [...operation.command],
    // Not the image's: the command is run as it stands.
    Entrypoint: [''],
    Env: mergedEnv(config.Env ?? [], [...operation.env, ...operation.hiddenEnv]),
    ...(operation.hostname !== undefined && { Hostname: operation.hostname }),
    User: config.User ?? '',
    WorkingDir: config.WorkingDir ?? '',
    Healthcheck: { Test: ['NONE'] },
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: hostConfigOf(o, options),
  }
}

/** Each name once: build arguments declared behind an ENV win over it. */
function mergedEnv(own: readonly string[], added: readonly string[]): string[] {
  const nameOf = (entry: string): string => entry.split('=', 1)[0]!
  const names = new Set(added.map(nameOf))
  return [...own.filter((entry) => !names.has(nameOf(entry))), ...added]
}

function hostConfigOf(o: RunRequest, options: RunRequest['options']): HostConfig {
  const { resources } = options
  const own = o.operation.network
  const wanted = own === 'default' ? options.networkMode : own
  return {
    NetworkMode: wanted === '' || wanted === 'default' ? 'bridge' : wanted,
    LogConfig: { Type: 'none', Config: {} },
    ExtraHosts: [...options.extraHosts],
    Memory: resources.Memory,
    MemorySwap: resources.MemorySwap,
    CpuShares: resources.CpuShares,
    CpuPeriod: resources.CpuPeriod,
    CpuQuota: resources.CpuQuota,
    CpusetCpus: resources.CpusetCpus,
    CpusetMems: resources.CpusetMems,
    CgroupParent: resources.CgroupParent,
    ...(resources.ShmSize > 0 && { ShmSize: resources.ShmSize }),
    ...(resources.Ulimits.length > 0 && { Ulimits: [...resources.Ulimits] }),
    ...(o.mounts.length > 0 && { Mounts: [...o.mounts] }),
  }
}
