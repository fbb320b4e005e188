/** Runs the stages that a target needs: those that do not wait for each other side by side. */
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import type { Platform } from '@tdocker/oci'
import { settleAll } from '../../base/settle-all.ts'
import { cancelled, invalidParameter, system } from '../../base/errors.ts'
import type { BuildOptions } from '../build-backend.ts'
import { wantsRecord } from '../cache/inline-record.ts'
import type { Definition } from '../definition.ts'
import type { Instruction, Lines, Stage } from '../dockerfile/instruction.ts'
import { parseTrigger } from '../dockerfile/parse-dockerfile.ts'
import type { Environment } from '../dockerfile/words.ts'
import { StageFold } from '../graph/fold.ts'
import { noteOn } from '../graph/notes.ts'
import type { Operation } from '../graph/operation.ts'
import { type PlannedStage, checkSteps } from '../graph/stages.ts'
import type { BuildImage, RuntimeConfig } from '../needs.ts'
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
export async function solve(build: Build, definition: Definition): Promise<Solved> {
  return await new Solver(build, definition).run()
}

interface StageResult {
  /** undefined: empty. */
  id: string | undefined
  /** For the stages that begin with it. */
  args: Environment
  /** Image that no stage made, which it begins with in the end. */
  baseId: string | undefined
}

interface Base {
  /** undefined: scratch. */
  image: BuildImage | undefined
  args: Environment
  baseId: string | undefined
}

/** What an image of nothing begins with, as in moby. */
const FROM_SCRATCH = {
  Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
}

class Solver {
  readonly #build: Build
  readonly #definition: Definition
  readonly #images: NamedImages
  readonly #results = new Map<number, Promise<StageResult>>()
  readonly #output: OrderedOutput
  readonly #failed = new AbortController()
  readonly #signal: AbortSignal
  /** As they are told, and with those that triggers add. */
  #total: number
  #steps: number
  /** Number of each stage's first step, from 1. */
  readonly #firstStep = new Map<number, number>()
  readonly #traces = new Map<number, StageTrace>()
  /** Of the first failure. */
  #excerpt = ''

  constructor(build: Build, definition: Definition) {
    this.#build = build
    this.#definition = definition
    const { dockerfile, stages } = definition
    this.#output = new OrderedOutput(stages.length, (message) => build.options.progress(message))
    this.#signal = AbortSignal.any([build.options.signal, this.#failed.signal])
    this.#images = new NamedImages(build, definition.contexts, this.#signal)
    this.#total = dockerfile.args.length
    for (const each of stages) this.#number(each)
    this.#total += Object.keys(build.options.labels).length
    this.#steps = this.#total
  }

  #number(planned: PlannedStage): void {
    const { index, stage, base } = planned
    this.#firstStep.set(index, this.#total + 1)
    this.#total += stage.instructions.length + 1
    const input = typeof base === 'number' ? this.#traces.get(base)?.last : undefined
    const single = this.#definition.dockerfile.stages.length === 1
    this.#traces.set(index, new StageTrace(this.#build.trace, planned, { single, input }))
  }

  async run(): Promise<Solved> {
    const { dockerfile, stages } = this.#definition
    for (const [at, { source }] of dockerfile.args.entries())
      this.#output.say(0, { stream: `Step ${at + 1}/${this.#total} : ${source}\n` })
    const all = stages.map(({ index }, position) => this.#stage(index, position))
    try {
      const results = await settleAll(all)
      const { id, baseId } = results.at(-1)!
      if (id === undefined) throw system('No image was generated. Is your Dockerfile empty?')
      return { id, baseId }
    } catch (error) {
      throw this.#build.options.signal.aborted
        ? cancelled('Build cancelled', error)
        : (this.#first ?? error)
    }
  }

  #first: unknown

  /** `waiting`: who speaks for a stage that only a trigger of an image asked for. */
  #stage(index: number, waiting: number): Promise<StageResult> {
    const known = this.#results.get(index)
    if (known) return known
    const own = this.#definition.stages.findIndex((each) => each.index === index)
    const result =
      own < 0
        ? this.#late(index, waiting)
        : this.#runStage(this.#definition.stages[own]!, own).then(
            (made) => {
              this.#output.end(own)
              return made
            },
            (error: unknown) => this.#fail(error, own),
          )
    this.#results.set(index, result)
    result.catch(() => {})
    return result
  }

  async #late(index: number, waiting: number): Promise<StageResult> {
    const planned = this.#definition.plan.at(index)
    this.#countSteps(planned.stage.instructions.length)
    this.#number(planned)
    return await this.#runStage(planned, waiting)
  }

  #countSteps(more: number): void {
    this.#steps += more
    checkSteps(this.#steps)
  }

  #fail(error: unknown, position: number): never {
    // Others fail because of it: what it said is what matters.
    if (!this.#failed.signal.aborted) {
      this.#first = error
      if (this.#excerpt !== '') this.#output.say(position, { stream: this.#excerpt })
      this.#output.fail(position)
      this.#failed.abort(error)
    }
    throw error
  }

  async #runStage(planned: PlannedStage, position: number): Promise<StageResult> {
    const { stage } = planned
    const { dockerfile, globals, budget } = this.#definition
    let step = this.#firstStep.get(planned.index)!
    const say = (text: string): void => this.#output.say(position, { stream: text })
    const announce = (source: string): void => say(`Step ${step++}/${this.#total} : ${source}\n`)
    announce(stage.source)
    const platform = this.#images.platformOf(planned)
    const traces = this.#traces.get(planned.index)!
    const { image: base, args, baseId } = await this.#tracedBase(planned, position)
    const config = base ? (base.config.config ?? {}) : FROM_SCRATCH
    const fold = new StageFold({ config, globals, escape: dockerfile.escape, budget, args })
    const triggers = await this.#telling(stage.lines, async () => this.#triggers(stage, config))
    traces.addTriggers(triggers)
    delete fold.config.OnBuild
    let parentId = base?.id
    const place = (traced: TracedStep): StepPlace => ({
      parentId,
      traced,
      platform: base ? platformOf(base) : platform,
      sourceOf: (from) => this.#source(from, planned.index, position, traced),
      say,
      // As moby's builder marks what goes to stderr.
      sayError: (text) => say(`\u001B[91m${text}\u001B[0m`),
      noCache: runsAnew(this.#build.options, stage),
      signal: this.#signal,
    })
    const doOne = async (instruction: Instruction): Promise<void> => {
      this.#signal.throwIfAborted()
      const traced = traces.begin(instruction, fold.shown(sourceOf(instruction)))
      parentId = await this.#telling(instruction.lines, async () => {
        const note = noteOn(instruction, fold.config)
        if (note !== '') say(note)
        const operation = fold.fold(instruction)
        await this.#stagesOf(operation, planned.index, position)
        const work = (): Promise<string> => doStep(this.#build, operation, place(traced))
        return await traced.run(work, this.#signal)
      })
    }
    if (triggers.length > 0) say(triggersText(triggers))
    for (const trigger of triggers) await doOne(trigger)
    say(` ---> ${shortId(parentId)}\n`)
    for (const instruction of stage.instructions) {
      announce(instruction.source)
      await doOne(instruction)
      say(` ---> ${shortId(parentId)}\n`)
    }
    if (planned === this.#definition.stages.at(-1))
      for (const [key, value] of labelsOf(this.#build)) {
        announce(`LABEL ${key}=${value}`)
        parentId = await doStep(this.#build, fold.label(key, value), place(silentStep()))
        say(` ---> ${shortId(parentId)}\n`)
      }
    if (planned === this.#definition.stages.at(-1) && parentId !== undefined)
      if (wantsRecord(this.#build.options.buildArgs))
        parentId = await withInlineRecord(this.#build, parentId)
    if (parentId !== undefined) this.#output.say(position, { aux: { ID: parentId } } as JSONMessage)
    return { id: parentId, args: fold.args, baseId }
  }

  /** What its base image asks for. */
  #triggers({ lines }: Stage, { OnBuild }: RuntimeConfig): Instruction[] {
    this.#countSteps(OnBuild?.length ?? 0)
    return (OnBuild ?? []).map((text) => parseTrigger(text, lines))
  }

  async #tracedBase(planned: PlannedStage, position: number): Promise<Base> {
    const { base } = this.#traces.get(planned.index)!
    const pulled = base.pulled()
    let isPulled = false
    const find = (): Promise<Base> =>
      this.#base(planned, position, (message) => {
        isPulled = true
        pulled(message)
        this.#output.say(position, message)
      })
    // One that builds on another stage waits for that one, which fails for itself.
    if (typeof planned.base === 'number') return await find()
    const work = async (): Promise<Base> => {
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
      if (!this.#signal.aborted) this.#excerpt ||= this.#build.trace.failedAt(lines)
      throw error
    }
  }

  async #base(
    { base, platform }: PlannedStage,
    position: number,
    progress: (message: JSONMessage) => void,
  ): Promise<Base> {
    if (typeof base !== 'number') {
      const image = await this.#images.base(base, platform, progress)
      return { image, args: new Map(), baseId: image?.id }
    }
    const { id, args, baseId } = await this.#stage(base, position)
    return { image: id === undefined ? undefined : this.#build.images.get(id), args, baseId }
  }

  /** A step begins once the stages that it takes from are made: until then it is not told of. */
  async #stagesOf(operation: Operation, before: number, position: number): Promise<void> {
    for (const from of stagesNamed(operation)) {
      const index = this.#definition.plan.source(from, before)
      if (index !== undefined) await this.#stage(index, position)
    }
  }

  /** What `--from` names: a stage before this one, else a name; empty: the build context. */
  async #source(
    from: string,
    before: number,
    position: number,
    traced: TracedStep,
  ): Promise<StepSource> {
    if (from === '') return { kind: 'directory', path: await this.#build.context.directory() }
    const index = this.#definition.plan.source(from, before)
    if (index === undefined) {
      const pulled = traced.pulled()
      return await this.#images.source(from, (message) => {
        pulled(message)
        this.#output.say(position, message)
      })
    }
    const { id } = await this.#stage(index, position)
    if (id === undefined)
      throw invalidParameter(`invalid from flag value ${from}: the stage is empty`)
    return { kind: 'image', id }
  }
}

function stagesNamed(operation: Operation): string[] {
  if (operation.kind === 'copy') return operation.from === '' ? [] : [operation.from]
  if (operation.kind !== 'run') return []
  return operation.mounts.flatMap((mount) => ('from' in mount && mount.from ? [mount.from] : []))
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
  return `# Executing ${triggers.length} build trigger${triggers.length > 1 ? 's' : ''}\n`
}

function labelsOf(build: Build): Array<[string, string]> {
  return Object.entries(build.options.labels).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

function shortId(id: string | undefined): string {
  return (id ?? '').replace(/^sha256:/, '').slice(0, 12)
}

export type { Stage }
