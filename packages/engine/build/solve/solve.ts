/** Runs the stages that a target needs: those that do not wait for each other side by side. */
import type { JSONMessage } from '@tdocker/api/jsonmessage.ts'
import { type Platform, hostPlatform, parsePlatform } from '@tdocker/oci'
import { settleAll } from '../../base/settle-all.ts'
import { cancelled, invalidParameter, notFound, system } from '../../base/errors.ts'
import type { Dockerfile, Instruction, Stage } from '../dockerfile/instruction.ts'
import { parseTrigger } from '../dockerfile/parse-dockerfile.ts'
import { StageFold } from '../graph/fold.ts'
import type { GlobalArgs } from '../graph/scope.ts'
import { type PlannedStage, findStage, planStages } from '../graph/stages.ts'
import type { BuildImage } from '../needs.ts'
import type { Build } from './build.ts'
import { OrderedOutput } from './output.ts'
import { type StepPlace, doStep } from './step.ts'

/** Answers the image's id. Throws what the client is told. */
export async function solve(
  build: Build,
  dockerfile: Dockerfile,
  globals: GlobalArgs,
): Promise<string> {
  const planned = planStages(dockerfile, globals, build.options.target)
  const solver = new Solver(build, dockerfile, globals, planned)
  return await solver.run()
}

class Solver {
  readonly #build: Build
  readonly #dockerfile: Dockerfile
  readonly #globals: GlobalArgs
  readonly #planned: readonly PlannedStage[]
  readonly #results = new Map<number, Promise<string | undefined>>()
  readonly #output: OrderedOutput
  readonly #failed = new AbortController()
  readonly #signal: AbortSignal
  readonly #total: number
  /** Number of each stage's first step, from 1. */
  readonly #firstStep = new Map<number, number>()

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
    let step = dockerfile.args.length + 1
    for (const { index, stage } of planned) {
      this.#firstStep.set(index, step)
      step += stage.instructions.length + 1
    }
    this.#total = step - 1 + Object.keys(build.options.labels).length
  }

  async run(): Promise<string> {
    for (const [at, { source }] of this.#dockerfile.args.entries())
      this.#output.say(0, { stream: `Step ${at + 1}/${this.#total} : ${source}\n` })
    const all = this.#planned.map(({ index }) => this.#stage(index))
    try {
      const results = await settleAll(all)
      const id = results.at(-1)
      if (id === undefined)
        throw system('No image was generated. Is your Dockerfile empty?')
      return id
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
    const platform = this.#platform(planned)
    const base = await this.#base(planned, platform, (message) =>
      this.#output.say(position, message),
    )
    const fold = new StageFold({
      config: base?.config.config ?? {},
      globals: this.#globals,
      escape: this.#dockerfile.escape,
    })
    const triggers = base?.config.config?.OnBuild ?? []
    delete fold.config.OnBuild
    let parentId = base?.id
    const place = (): StepPlace => ({
      parentId,
      platform: base ? platformOf(base) : platform,
      imageOf: (from) => this.#imageOf(from, planned.index, platform),
      say,
      // As moby's builder marks what goes to stderr.
      sayError: (text) => say(`\u001B[91m${text}\u001B[0m`),
      signal: this.#signal,
    })
    const doOne = async (instruction: Instruction): Promise<void> => {
      this.#signal.throwIfAborted()
      parentId = await doStep(this.#build, fold.fold(instruction), place())
    }
    say(triggersText(triggers))
    for (const trigger of triggers) await doOne(parseTrigger(trigger, stage.lines))
    say(` ---> ${shortId(parentId)}\n`)
    for (const instruction of stage.instructions) {
      announce(instruction.source)
      await doOne(instruction)
      say(` ---> ${shortId(parentId)}\n`)
    }
    if (position === this.#planned.length - 1)
      for (const [key, value] of labelsOf(this.#build)) {
        announce(`LABEL ${key}=${value}`)
        parentId = await doStep(this.#build, fold.label(key, value), place())
        say(` ---> ${shortId(parentId)}\n`)
      }
    if (parentId !== undefined) this.#output.say(position, { aux: { ID: parentId } } as JSONMessage)
    return parentId
  }

  #platform({ platform }: PlannedStage): Platform {
    const wanted = platform || this.#build.options.platform
    if (wanted === '') return hostPlatform()
    try {
      return parsePlatform(wanted)
    } catch (error) {
      throw invalidParameter(
        `failed to parse platform ${wanted}: ${(error as Error).message}`,
        error,
      )
    }
  }

  /** undefined for scratch. */
  async #base(
    { base, platform }: PlannedStage,
    parsed: Platform,
    progress: (message: JSONMessage) => void,
  ): Promise<BuildImage | undefined> {
    if (typeof base === 'number') {
      const id = await this.#stage(base)
      return id === undefined ? undefined : this.#build.images.get(id)
    }
    if (base === 'scratch') return undefined
    const wanted = platform || this.#build.options.platform
    return await this.#named(base, wanted === '' ? undefined : wanted, progress, parsed)
  }

  async #named(
    name: string,
    platform: string | undefined,
    progress: (message: JSONMessage) => void,
    _parsed?: Platform,
  ): Promise<BuildImage> {
    const { images, options } = this.#build
    const found = options.pull ? undefined : this.#find(name, platform)
    const image = found ?? (await this.#pulled(name, platform, progress))
    if (!this.#build.hold(image.id)) throw notFound(`No such image: ${name}`)
    return images.get(image.id)
  }

  #find(name: string, platform: string | undefined): BuildImage | undefined {
    return this.#build.images.find(name, platform)
  }

  async #pulled(
    reference: string,
    platform: string | undefined,
    progress: (message: JSONMessage) => void,
  ): Promise<BuildImage> {
    const { images, options } = this.#build
    await images.pull({
      reference,
      platform,
      auths: options.auths,
      signal: this.#signal,
      progress: (message) => progress(message as JSONMessage),
    })
    const image = images.find(reference, platform)
    if (!image) throw notFound(`No such image: ${reference}`)
    return image
  }

  /** What `--from` names: a stage before this one, or an image. */
  async #imageOf(from: string, before: number, platform: Platform): Promise<string> {
    const index = findStage(this.#dockerfile.stages, from, before)
    if (index !== undefined) {
      const id = await this.#stage(index)
      if (id === undefined) throw invalidParameter(`invalid from flag value ${from}: the stage is empty`)
      return id
    }
    if (/^\d+$/.test(from) && Number(from) < this.#dockerfile.stages.length)
      throw invalidParameter(`invalid from flag value ${from}: refers to current build stage`)
    const image = await this.#named(from, undefined, () => {}, platform)
    return image.id
  }
}

function platformOf({ config }: BuildImage): Platform {
  const { os, architecture, variant } = config
  return { os: os || 'linux', architecture, ...(variant && { variant }) }
}

function triggersText(triggers: readonly string[]): string {
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
