/** `POST /build`: context, Dockerfile, stages, image, names. */
import type { BuildPruneReport, BuildRecord, BuildSummary } from '@tdocker/api'
import { availableParallelism } from 'node:os'
import type { Native } from '@tdocker/kernel/native.ts'
import type { Hijack, TarSource } from '../backend-types.ts'
import { randomId } from '../base/random-id.ts'
import { Semaphore } from '../content/semaphore.ts'
import type { Transport } from '../registry/transport.ts'
import type { EngineConfig } from '../config.ts'
import type { Store } from '../store/store.ts'
import type { BuildBackend, BuildOptions, CachePruneOptions } from './build-backend.ts'
import { answerCall } from './call.ts'
import { checkFirst, tellWarnings, warningsOf } from './checks.ts'
import { BuildHolds } from './cache/build-holds.ts'
import { collectMounts } from './cache/mount-garbage.ts'
import { CacheCollector } from './cache/collector.ts'
import { pruneCache } from './cache/prune.ts'
import { checkFilters } from './cache/prune-filters.ts'
import { cacheRecords, type CacheContext } from './cache/records.ts'
import { CacheSources } from './cache/cache-sources.ts'
import { StepCache } from './cache/step-cache.ts'
import { fetchBuildContext } from './context/build-context.ts'
import { type IgnoreFile, readIgnoreFile, withoutBuildFiles } from './context/ignore-file.ts'
import type { BuildContext } from './context/tar-context.ts'
import { BuildWorkspace } from './context/workspace.ts'
import { type Definition, readDefinition } from './definition.ts'
import { DockerfileError } from './dockerfile/instruction.ts'
import { MountPool } from './exec/mount-pool.ts'
import { LeftOver } from './exec/left-over.ts'
import { removeLeftContainers } from './exec/run-step.ts'
import { BuildHistory } from './history/history.ts'
import type { BuildEnd } from './history/recording.ts'
import type { BuildImages, BuildTag, ResolveOwner, StepContainers } from './needs.ts'
import { deliver } from './output/deliver.ts'
import { sourceDateEpoch } from './output/epoch.ts'
import { OutputOffers } from './output/offers.ts'
import { planOutputs } from './output/plan-outputs.ts'
import type { BuildSession } from './session.ts'
import { KeptContexts } from './session/kept/kept-contexts.ts'
import { Sessions } from './session/sessions.ts'
import type { Build } from './solve/build.ts'
import { BuildTrace, type TracedStep } from './solve/build-trace.ts'
import { solve } from './solve/solve.ts'
import type { TraceListener } from './solve/trace.ts'

export interface BuilderDeps {
  native: Native
  store: Store
  images: BuildImages
  containers: StepContainers
  transport: Transport
  resolveOwner: ResolveOwner
  /** Removes images that nothing names or builds on; bytes freed. */
  removeImages(ids: readonly string[]): Promise<number>
  /** Of cache mounts. */
  directory: string
  /** What is collected without being asked; none: nothing. */
  collect: readonly CachePruneOptions[]
  /** Of contexts that clients may send again. */
  contextDirectory: string
  /** Of this run of the machine. */
  bootId: string
  /** How much of the history is kept. */
  history: EngineConfig['buildHistory']
  /** Tells of a prune. */
  pruned(bytes: number): Promise<void>
  log: (what: string, error: unknown) => void
}

export class Builder implements BuildBackend {
  readonly #deps: BuilderDeps
  readonly #cache: StepCache
  readonly #holds = new BuildHolds()
  readonly #steps = new Semaphore(Math.max(2, availableParallelism()))
  readonly #pool = new MountPool()
  readonly #collector: CacheCollector
  readonly #history: BuildHistory
  readonly #offers = new OutputOffers()
  readonly #contexts: KeptContexts
  readonly #sessions: Sessions

  constructor(deps: BuilderDeps) {
    this.#deps = deps
    this.#contexts = new KeptContexts({ ...deps, directory: deps.contextDirectory })
    this.#sessions = new Sessions(this.#contexts)
    this.#cache = new StepCache(deps.store)
    this.#history = new BuildHistory({ store: deps.store, limits: deps.history, log: deps.log })
    this.#collector = new CacheCollector({
      policies: deps.collect,
      prune: (policy) => pruneCache(this.#cacheContext(), policy),
      failed: (error) => deps.log('collection of the build cache', error),
    })
  }

  /** Builds that need an image at the moment, for those who would remove it. */
  usersOf(imageId: string): Array<{ id: string; running: boolean; mounts: boolean }> {
    return this.#holds.usersOf(imageId)
  }

  /** What a crash left behind. */
  async restore(): Promise<void> {
    await removeLeftContainers(this.#deps)
    await collectMounts(this.#deps)
    await this.#contexts.restore()
    this.#collector.wake()
  }

  /** What is being collected ends, clients' connections with it, and nothing else begins. */
  close(): Promise<void> {
    this.#sessions.close()
    return this.#collector.close()
  }

  cacheRecords(): ReturnType<typeof cacheRecords> {
    return cacheRecords(this.#cacheContext())
  }

  async prune(o: CachePruneOptions): Promise<BuildPruneReport> {
    checkFilters(o.filters)
    const report = await pruneCache(this.#cacheContext(), o)
    await this.#deps.pruned(report.SpaceReclaimed)
    return report
  }

  #cacheContext(): CacheContext {
    const { store, native, directory, removeImages } = this.#deps
    const isHeld = (imageId: string): boolean => this.#holds.usersOf(imageId).length > 0
    const [cache, contexts, locks] = [this.#cache, this.#contexts, this.#pool]
    return { store, native, cache, contexts, directory, removeImages, locks, isHeld }
  }

  openSession(id: string, hijack: Hijack): Promise<void> {
    return this.#sessions.open(id, hijack)
  }

  history(): BuildSummary[] {
    return this.#history.list()
  }

  inspectHistory(id: string): BuildRecord {
    return this.#history.inspect(id)
  }

  async build(o: BuildOptions): Promise<string> {
    // Last of all, when nothing of it is in use any more.
    using _grown = { [Symbol.dispose]: () => this.#collector.wake() }
    const used: string[] = []
    if (o.call !== '') return await this.#build(o, { used, recorded: undefined })
    const recording = this.#history.begin(o)
    const end = (how: BuildEnd): void => this.#history.end(recording, how, this.#cache.usesOf(used))
    try {
      const imageId = await this.#build(o, { used, recorded: recording.listen })
      end({ status: 'completed', imageId })
      return imageId
    } catch (error) {
      const status = o.signal.aborted ? 'canceled' : 'error'
      end({ status, error: (error as Error).message })
      throw error
    }
  }

  /** `used`: gets the keys of steps that were found. */
  async #build(
    o: BuildOptions,
    { used, recorded }: { used: string[]; recorded: TraceListener | undefined },
  ): Promise<string> {
    const { images } = this.#deps
    const parseTags = (texts: readonly string[]): BuildTag[] => uniqueTags(images, texts)
    const outputs = planOutputs(o.outputs, parseTags(o.tags), parseTags)
    await using session =
      o.session === '' ? undefined : await this.#sessions.find(o.session, o.signal)
    await using workspace = new BuildWorkspace(() => images.workspace())
    using hold = this.#holds.begin(randomId())
    await using left = new LeftOver((error) => this.#deps.log('container of a step', error))
    const trace = new BuildTrace()
    if (o.trace) trace.listen(o.trace)
    if (recorded) trace.listen(recorded)
    const begun = await this.#begin(o, { session, workspace, trace })
    const { context, definition, ignore, loading, time } = begun
    if (!definition) return ''
    const { globals, dockerfile } = definition
    const epoch = sourceDateEpoch(globals.take('SOURCE_DATE_EPOCH'), time)
    const createdTime = outputs.some(({ rewrite }) => !rewrite) ? epoch : undefined
    const started = this.#buildOf(o, { context, session, workspace, hold, left, used, trace })
    const build = { ...started, createdTime }
    if (dockerfile.check.error) await checkFirst(build, definition, ignore, loading)
    const solved = await solve(build, definition)
    const unused = globals.unused()
    if (unused.length > 0)
      o.progress({
        stream: `[Warning] One or more build-args [${unused.join(' ')}] were not consumed\n`,
      })
    tellWarnings(build, warningsOf(build, definition, ignore), loading)
    return await deliver(build, { solved, outputs, epoch, offers: this.#offers })
  }

  takeOutput(token: string): Promise<TarSource> {
    return this.#offers.take(token)
  }

  #buildOf(
    options: BuildOptions,
    {
      context,
      session,
      workspace,
      hold,
      left,
      used,
      trace,
    }: {
      context: BuildContext
      session: BuildSession | undefined
      workspace: BuildWorkspace
      hold: { add(imageId: string): void }
      left: LeftOver
      used: string[]
      trace: BuildTrace
    },
  ): Omit<Build, 'createdTime'> {
    const { native, store, images, containers, transport, resolveOwner, directory } = this.#deps
    const cache = this.#cache
    const holdImage = (imageId: string): boolean => {
      hold.add(imageId)
      return images.isHere(imageId)
    }
    return {
      options,
      trace,
      images,
      cache,
      cacheSources: new CacheSources({ ...options, images, trace, hold: holdImage }),
      did: new Map(),
      native,
      transport,
      run: { containers, native, store, later: (work) => left.add(work) },
      mounts: { native, store, directory, pool: this.#pool },
      resolveOwner,
      steps: this.#steps,
      context,
      session,
      scratch: () => workspace.scratch(),
      hold: holdImage,
      keep: (imageId) => hold.add(imageId),
      used: (key) => void used.push(key),
    }
  }

  async #begin(
    o: BuildOptions,
    {
      session,
      workspace,
      trace,
    }: { session: BuildSession | undefined; workspace: BuildWorkspace; trace: BuildTrace },
  ): Promise<Begun> {
    const { native, transport } = this.#deps
    const sources = {
      native,
      transport,
      directory: () => workspace.context(),
      scratch: () => workspace.scratch(),
      session,
    }
    const taken = trace.step('context', '[internal] load build context')
    const { context, alone, time } = await taken.run(() => fetchBuildContext(sources, o, taken))
    const name = o.dockerfile || 'Dockerfile'
    let ignore: IgnoreFile | undefined
    const loading = trace.step('dockerfile', `[internal] load build definition from ${name}`)
    const definition = await loading.run(async () => {
      const text = alone ?? (await context.dockerfile(o.dockerfile))
      trace.source = { name, text: text.toString() }
      ignore = alone ? undefined : await readIgnoreFile(context, o.dockerfile)
      try {
        if (o.call === '') return readDefinition(o, trace.source)
        answerCall({ images: this.#deps.images, ignore }, o, trace.source)
        return undefined
      } catch (error) {
        const { cause } = error as Error
        if (cause instanceof DockerfileError) trace.failedAt(cause.lines)
        throw error
      }
    })
    const filtered = ignore && withoutBuildFiles(native, context, ignore, o.dockerfile)
    return { context: filtered ?? context, definition, ignore, loading, time }
  }
}

/** A build whose Dockerfile is read. */
interface Begun {
  context: BuildContext
  /** undefined where something else than an image was wanted, and answered. */
  definition: Definition | undefined
  ignore: IgnoreFile | undefined
  /** The step that read the Dockerfile. */
  loading: TracedStep
  /** Of the context, where it has one of its own. */
  time: number | undefined
}

function uniqueTags(
  images: BuildImages,
  texts: readonly string[],
): ReturnType<BuildImages['parseTags']> {
  const tags = images.parseTags(texts)
  return tags.filter((tag, at) => tags.findIndex((other) => other.name === tag.name) === at)
}
