/** Runs the stages that a target needs: those that do not wait for each other side by side. */
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import type { Platform } from '@tdocker/oci'
import { settleAll } from '../../base/settle-all.ts'
import { cancelled, invalidParameter, system } from '../../base/errors.ts'
import type { BuildOptions } from '../build-backend.ts'
import { wantsRecord } from '../cache/inline-record.ts'
import type { Dockerfile, Instruction, Lines, Stage } from '../dockerfile/instruction.ts'
import { parseTrigger } from '../dockerfile/parse-dockerfile.ts'
import { StageFold } from '../graph/fold.ts'
import type { GlobalArgs } from '../graph/scope.ts'
import { type PlannedStage, findStage, planStages } from '../graph/stages.ts'
import type { BuildImage } from '../needs.ts'
import type { Build } from './build.ts'
import { NamedImages } from './named-images.ts'
import { type TracedStep, silentStep } from './build-trace.ts'
import { OrderedOutput } from './output.ts'
import type { Solved } from '../output/stamp.ts'
import type { StepPlace, StepSource } from './place.ts'
import { StageTrace, sourceOf } from './stage-trace.ts'
import { doStep } from './step.ts'
import { withInlineRecord } from './through-cache.ts'

/** Throws what the client is told. */
export async function solve(
  build: Build,
  dockerfile: Dockerfile,
  globals: GlobalArgs,
): Promise<Solved> {
  const planned = planStages(dockerfile, globals, build.options.target)
  const solver = new Solver(build, dockerfile, globals, planned)
  return await solver.run()
}

class Solver {
  readonly #build: Build
  readonly #dockerfile: Dockerfile
  readonly #globals: GlobalArgs
  readonly #planned: readonly PlannedStage[]
  readonly #images: NamedImages
  readonly #results = new Map<number, Promise<string | undefined>>()
  /** Images that no stage made, which stages begin with. */
  readonly #baseIds = new Map<number, string | undefined>()
  readonly #output: OrderedOutput
  readonly #failed = new AbortController()
  readonly #signal: AbortSignal
  readonly #total: number
  /** Number of each stage's first step, from 1. */
  readonly #firstStep = new Map<number, number>()
  readonly #traces = new Map<number, StageTrace>()

  constructor(
    build: Build,
    dockerfile: Dockerfile,
    globals: GlobalArgs,
    planned: readonly PlannedStage[],
  ) {
    this.#build = build
    this.#dockerfile = dockerfile
    this.#globals = globals
    this.#planned = planned
    this.#output = new OrderedOutput(planned.length, (message) => build.options.progress(message))
    this.#signal = AbortSignal.any([build.options.signal, this.#failed.signal])
    this.#images = new NamedImages(build, this.#signal)
    let step = dockerfile.args.length + 1
    const single = dockerfile.stages.length === 1
    for (const each of planned) {
      const { index, stage, base } = each
      this.#firstStep.set(index, step)
      step += stage.instructions.length + 1
      const input = typeof base === 'number' ? this.#traces.get(base)?.last : undefined
      this.#traces.set(index, new StageTrace(build.trace, each, { single, input }))
    }
    this.#total = step - 1 + Object.keys(build.options.labels).length
  }

  async run(): Promise<Solved> {
    for (const [at, { source }] of this.#dockerfile.args.entries())
      this.#output.say(0, { stream: `Step ${at + 1}/${this.#total} : ${source}\n` })
    const all = this.#planned.map(({ index }) => this.#stage(index))
    try {
      const results = await settleAll(all)
      const id = results.at(-1)
      if (id === undefined)
        throw system('No image was generated. Is your Dockerfile empty?')
      return { id, baseId: this.#baseIds.get(this.#planned.at(-1)!.index) }
    } catch (error) {
      throw this.#build.options.signal.aborted ? cancelled('Build cancelled', error) : this.#first ?? error
    }
  }

  #first: unknown

  #stage(index: number): Promise<string | undefined> {
    const known = this.#results.get(index)
    if (known) return known
    const position = this.#planned.findIndex((each) => each.index === index)
    const planned = this.#planned[position]
    if (!planned) return Promise.reject(system(`stage ${index} is not part of this build`))
    const result = this.#runStage(planned, position).then(
      (id) => {
        this.#output.end(position)
        return id
      },
      (error: unknown) => {
        // Others fail because of it: what it said is what matters.
        if (!this.#failed.signal.aborted) {
          this.#first = error
          this.#output.fail(position)
          this.#failed.abort(error)
        }
        throw error
      },
    )
    this.#results.set(index, result)
    result.catch(() => {})
    return result
  }

  async #runStage(planned: PlannedStage, position: number): Promise<string | undefined> {
    const { stage } = planned
    let step = this.#firstStep.get(planned.index)!
    const say = (text: string): void => this.#output.say(position, { stream: text })
    const announce = (source: string): void =>
      say(`Step ${step++}/${this.#total} : ${source}\n`)
    announce(stage.source)
    const platform = this.#images.platformOf(planned)
    const traces = this.#traces.get(planned.index)!
    const base = await this.#tracedBase(planned, position)
    const fold = new StageFold({
      config: base?.config.config ?? {},
      globals: this.#globals,
      escape: this.#dockerfile.escape,
    })
    const triggers = (base?.config.config?.OnBuild ?? []).map((text) =>
      parseTrigger(text, stage.lines),
    )
    traces.addTriggers(triggers)
    delete fold.config.OnBuild
    let parentId = base?.id
    const place = (traced: TracedStep): StepPlace => ({
      parentId,
      traced,
      platform: base ? platformOf(base) : platform,
      sourceOf: (from) => this.#source(from, planned.index),
      say,
      // As moby's builder marks what goes to stderr.
      sayError: (text) => say(`\u001B[91m${text}\u001B[0m`),
      noCache: runsAnew(this.#build.options, stage),
      signal: this.#signal,
    })
    const doOne = async (instruction: Instruction): Promise<void> => {
      this.#signal.throwIfAborted()
      const traced = traces.begin(instruction, fold.shown(sourceOf(instruction)))
      const work = (): Promise<string> =>
        doStep(this.#build, fold.fold(instruction), place(traced))
      parentId = await this.#telling(instruction.lines, () => traced.run(work, this.#signal))
    }
    say(triggersText(triggers))
    for (const trigger of triggers) await doOne(trigger)
    say(` ---> ${shortId(parentId)}\n`)
    for (const instruction of stage.instructions) {
      announce(instruction.source)
      await doOne(instruction)
      say(` ---> ${shortId(parentId)}\n`)
    }
    if (position === this.#planned.length - 1)
      for (const [key, value] of labelsOf(this.#build)) {
        announce(`LABEL ${key}=${value}`)
        parentId = await doStep(this.#build, fold.label(key, value), place(silentStep()))
        say(` ---> ${shortId(parentId)}\n`)
      }
    if (position === this.#planned.length - 1 && parentId !== undefined)
      if (wantsRecord(this.#build.options.buildArgs))
        parentId = await withInlineRecord(this.#build, parentId)
    if (parentId !== undefined) this.#output.say(position, { aux: { ID: parentId } } as JSONMessage)
    return parentId
  }

  async #tracedBase(planned: PlannedStage, position: number): Promise<BuildImage | undefined> {
    const { base } = this.#traces.get(planned.index)!
    const pulled = base.pulled()
    let isPulled = false
    const find = (): Promise<BuildImage | undefined> =>
      this.#base(planned, (message) => {
        isPulled = true
        pulled(message)
        this.#output.say(position, message)
      })
    // One that builds on another stage waits for that one, which fails for itself.
    if (typeof planned.base === 'number') return await find()
    const work = async (): Promise<BuildImage | undefined> => {
      const found = await find()
      if (!isPulled) base.cached()
      return found
    }
    return await this.#telling(planned.stage.lines, () => base.run(work, this.#signal))
  }

  /** Tells where it failed. */
  async #telling<T>(lines: Lines, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!this.#signal.aborted) this.#build.trace.failedAt(lines)
      throw error
    }
  }

  /** undefined for scratch. */
  async #base(
    { index, base, platform }: PlannedStage,
    progress: (message: JSONMessage) => void,
  ): Promise<BuildImage | undefined> {
    if (typeof base === 'number') {
      const id = await this.#stage(base)
      this.#baseIds.set(index, this.#baseIds.get(base))
      return id === undefined ? undefined : this.#build.images.get(id)
    }
    const image = await this.#images.base(base, platform, progress)
    this.#baseIds.set(index, image?.id)
    return image
  }

  /** What `--from` names: a stage before this one, else a name; empty: the build context. */
  async #source(from: string, before: number): Promise<StepSource> {
    if (from === '') return { kind: 'directory', path: await this.#build.context.directory() }
    const index = findStage(this.#dockerfile.stages, from, before)
    if (index !== undefined) {
      const id = await this.#stage(index)
      if (id === undefined)
        throw invalidParameter(`invalid from flag value ${from}: the stage is empty`)
      return { kind: 'image', id }
    }
    if (/^\d+$/.test(from) && Number(from) < this.#dockerfile.stages.length)
      throw invalidParameter(`invalid from flag value ${from}: refers to current build stage`)
    return await this.#images.source(from)
  }
}

function platformOf({ config }: BuildImage): Platform {
  const { os, architecture, variant } = config
  return { os: os || 'linux', architecture, ...(variant && { variant }) }
}

/** By name, without regard to case, as BuildKit. */
function runsAnew({ noCache, noCacheFilter }: BuildOptions, { name }: Stage): boolean {
  return noCache || noCacheFilter.some((each) => each.toLowerCase() === name.toLowerCase())
}

function triggersText(triggers: readonly unknown[]): string {
  if (triggers.length === 0) return ''
  return `# Executing ${triggers.length} build trigger${triggers.length > 1 ? 's' : ''}\n`
}

function labelsOf(build: Build): Array<[string, string]> {
  return Object.entries(build.options.labels).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

function shortId(id: string | undefined): string {
  return (id ?? '').replace(/^sha256:/, '').slice(0, 12)
}

export type { Stage }
