/** The context of a build, wherever it comes from. */
import type { Readable } from 'node:stream'
import { invalidParameter } from '../../base/errors.ts'
import type { BuildOptions } from '../build-backend.ts'
import type { TreeNative } from '../copy/tree.ts'
import { type CheckoutContext, checkOut } from '../git/checkout.ts'
import { type GitRef, parseGitContext } from '../git/git-ref.ts'
import { resolveGit } from '../git/resolve.ts'
import type { TracedStep } from '../solve/build-trace.ts'
import type { BuildSession } from '../session.ts'
import { openRemoteContext } from './remote-context.ts'
import { takeSessionContext } from './session-context.ts'
import { type BuildContext, takeTarContext, unpacked } from './tar-context.ts'

export interface SourceContext extends CheckoutContext {
  native: CheckoutContext['native'] & TreeNative
  /** Makes an empty one for the context. */
  directory(): Promise<string>
  session: BuildSession | undefined
}

/** `alone`: a Dockerfile that came without files. */
export interface FetchedContext {
  context: BuildContext
  alone: Buffer | undefined
  /** Its own, Unix seconds, where it has one: `SOURCE_DATE_EPOCH=context` means it. */
  time?: number
}

export async function fetchBuildContext(
  ctx: SourceContext,
  o: BuildOptions,
  traced: TracedStep,
): Promise<FetchedContext> {
  const { native, session } = ctx
  const empty = unpacked(native, () => ctx.directory())
  if (o.remote === 'client-session') {
    if (!session) throw invalidParameter('a context of a session needs a session')
    return { context: await takeSessionContext(native, session, o, traced), alone: undefined }
  }
  const ref = parseGitContext(o.remote)
  if (ref) {
    const { directory, time } = await fromGit(ctx, o, ref, traced)
    return { context: unpacked(native, async () => directory), alone: undefined, time }
  }
  const { signal, progress } = o
  const body =
    o.remote === '' ? o.body : await openRemoteContext(ctx, o.remote, { signal, progress })
  if (Buffer.isBuffer(body)) return { context: empty, alone: body }
  return { context: await fromTar(ctx, body, signal, traced), alone: undefined }
}

async function fromGit(
  ctx: SourceContext,
  { buildArgs, signal }: BuildOptions,
  ref: GitRef,
  traced: TracedStep,
): Promise<{ directory: string; time: number }> {
  const keepGitDir =
    ref.keepGitDir === true || isTrue(buildArgs['BUILDKIT_CONTEXT_KEEP_GIT_DIR'] ?? '')
  const resolved = await resolveGit(ctx, ref, { keepGitDir, signal })
  const status = traced.status(`fetching ${ref.shown}#${resolved.object.slice(0, 12)}`)
  const directory = await ctx.directory()
  const time = await checkOut(ctx, resolved, { directory, keepGitDir, signal })
  status.done()
  return { directory, time }
}

async function fromTar(
  { native, directory, scratch }: SourceContext,
  body: Readable,
  signal: AbortSignal,
  traced: TracedStep,
): Promise<BuildContext> {
  const status = traced.status('transferring context:')
  const taken = (size: number): void => status.update(size)
  try {
    const context = await takeTarContext(native, { body, directory, scratch, signal, taken })
    status.done()
    return context
  } finally {
    body.destroy()
  }
}

/** As Go's strconv.ParseBool. */
function isTrue(value: string): boolean {
  return /^(1|t|T|true|TRUE|True)$/.test(value)
}
