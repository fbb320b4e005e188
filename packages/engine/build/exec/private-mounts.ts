/**
 * `RUN --mount=type=secret` and `type=ssh`: what the client has goes into memory that only this step's
 * container sees, and is gone with it. BuildKit's rules: solver/llbsolver/mounts, dockerfile2llb.
 */
import { createServer } from 'node:net'
import { posix } from 'node:path'
import type { Native } from '@tdocker/kernel/native.ts'
import { invalidParameter } from '../../base/errors.ts'
import type { RunMount } from '../dockerfile/instruction.ts'
import type { StepExtras } from '../needs.ts'
import type { BuildSession } from '../session.ts'
import { forwardAgent } from './forward-agent.ts'
import type { RunOperation } from './run-step.ts'

export interface PrivateContext {
  native: Pick<Native, 'closeFd' | 'privateFile' | 'privateSocket'>
  /** undefined: the client gave nothing. */
  session: BuildSession | undefined
  workingDir: string
  signal: AbortSignal
}

/** Gone when it is disposed of; the container must have ended by then. */
export interface PrivateMounts extends Disposable {
  extras: StepExtras
}

type PrivateMount = Extract<RunMount, { type: 'secret' | 'ssh' }>

/** Throws invalidParameter, in BuildKit's words, for what is required and not there. */
export async function preparePrivateMounts(
  ctx: PrivateContext,
  operation: Pick<RunOperation, 'mounts'>,
): Promise<PrivateMounts> {
  using scope = new DisposableStack()
  const mounts: Array<StepExtras['mounts'][number]> = []
  const env: string[] = []
  let agents = 0
  for (const mount of operation.mounts) {
    if (mount.type === 'secret') await addSecret(ctx, mount, { mounts, env, scope })
    if (mount.type !== 'ssh') continue
    const number = agents++
    const target = await addAgent(ctx, mount, number, { mounts, scope })
    if (number === 0 && target !== undefined) env.push(`SSH_AUTH_SOCK=${target}`)
  }
  const kept = scope.move()
  return { extras: { mounts, env }, [Symbol.dispose]: () => kept.dispose() }
}

async function addSecret(
  { native, session, workingDir, signal }: PrivateContext,
  mount: PrivateMount,
  to: { mounts: Array<StepExtras['mounts'][number]>; env: string[]; scope: DisposableStack },
): Promise<void> {
  const data = await session?.secret(mount.id, signal)
  if (data === undefined) {
    if (!mount.required) return
    throw invalidParameter(`secret ${mount.id}: not found`)
  }
  if (mount.env !== undefined) {
    if (data.includes(0)) throw invalidParameter(`secret ${mount.id}: a variable cannot hold NUL`)
    to.env.push(`${mount.env}=${data.toString()}`)
  }
  if (mount.target === '') return
  const fd = await native.privateFile({ data, ...ownerOf(mount, 0o400) })
  data.fill(0)
  to.scope.defer(() => native.closeFd(fd))
  to.mounts.push({ fd, target: posix.resolve('/', workingDir, mount.target), readonly: true })
}

/** Answers where its socket is. */
async function addAgent(
  { native, session, workingDir }: PrivateContext,
  mount: PrivateMount,
  number: number,
  to: { mounts: Array<StepExtras['mounts'][number]>; scope: DisposableStack },
): Promise<string | undefined> {
  if (!session?.hasAgent(mount.id)) {
    if (!mount.required) return undefined
    throw invalidParameter(
      session?.hasAgents
        ? `unset ssh forward key ${mount.id}`
        : `no SSH key ${JSON.stringify(mount.id)} forwarded from the client`,
    )
  }
  const target = posix.resolve('/', workingDir, mount.target || `/run/buildkit/ssh_agent.${number}`)
  const { mount: fd, listener } = await native.privateSocket(ownerOf(mount, 0o600))
  to.scope.defer(() => native.closeFd(fd))
  const server = createServer({ allowHalfOpen: true })
  to.scope.use(forwardAgent(server, () => session.connectAgent(mount.id)))
  server.listen({ fd: listener })
  to.mounts.push({ fd, target, readonly: false })
  return target
}

function ownerOf(
  { mode, uid = 0, gid = 0 }: PrivateMount,
  usual: number,
): { mode: number; uid: number; gid: number } {
  return { mode: (mode ?? usual) & 0o777, uid, gid }
}
