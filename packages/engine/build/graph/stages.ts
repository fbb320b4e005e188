/** Which stages a build needs, and what each begins with. */
import { invalidParameter } from '../../base/errors.ts'
import { type Dockerfile, DockerfileError, type Stage } from '../dockerfile/instruction.ts'
import { StageLinks } from '../dockerfile/stage-links.ts'
import { type ExpansionBudget, expandWord } from '../dockerfile/words.ts'
import type { GlobalArgs } from './scope.ts'

export interface PlannedStage {
  /** Among all of the Dockerfile. */
  index: number
  stage: Stage
  /** Name of an image, `scratch`, or the index of an earlier stage. */
  base: string | number
  platform: string
}

/** Each step's image repeats the history of those before it. */
const MAX_STEPS = 1000

export class StagePlan {
  readonly #dockerfile: Dockerfile
  readonly #globals: GlobalArgs
  readonly #budget: ExpansionBudget
  readonly #links: StageLinks

  /** Throws DockerfileError. */
  constructor(dockerfile: Dockerfile, globals: GlobalArgs, budget: ExpansionBudget) {
    this.#dockerfile = dockerfile
    this.#globals = globals
    this.#budget = budget
    this.#links = new StageLinks(dockerfile, globals.environment(), { budget })
  }

  /**
   * Those that the target needs, in the order of the file. Throws DockerfileError, and
   * invalidParameter for more than can be built.
   */
  neededFor(target: string): PlannedStage[] {
    const planned = this.#links.neededBy(this.#links.find(target)).map((index) => this.at(index))
    checkSteps(planned.reduce((sum, { stage }) => sum + 1 + stage.instructions.length, 0))
    return planned
  }

  /** Throws DockerfileError. */
  at(index: number): PlannedStage {
    const stage = this.#dockerfile.stages[index]!
    const name = this.#links.baseName(index)
    if (name === '')
      throw new DockerfileError(`base name (${stage.base}) should not be blank`, stage.lines)
    return {
      index,
      stage,
      base: this.#links.baseOf(index) ?? name,
      platform: this.#platformOf(stage),
    }
  }

  /**
   * What `--from` names in stage `before`: a stage before it; undefined for an image or a context.
   * Throws invalidParameter for a stage that is not before it.
   */
  source(from: string, before: number): number | undefined {
    const found = this.#links.source(from, before)
    if (found !== undefined) return found
    if (/^\d+$/.test(from)) {
      const why = Number(from) === before ? 'refers to current build stage' : 'index out of bounds'
      throw invalidParameter(`invalid from flag value ${from}: ${why}`)
    }
    const later = this.#links.named(from)
    if (later === undefined) return undefined
    if (later === before) throw invalidParameter(`circular dependency detected on stage: ${from}`)
    const name = this.#dockerfile.stages[before]!.name || `stage-${before}`
    throw invalidParameter(
      `cannot copy from stage ${JSON.stringify(from)}, ` +
        `it needs to be defined before current stage ${JSON.stringify(name)}`,
    )
  }

  #platformOf({ platform, lines }: Stage): string {
    if (platform === '') return ''
    const { escape } = this.#dockerfile
    let text: string
    try {
      const options = { escape, budget: this.#budget }
      text = expandWord(platform, this.#globals.environment(), options).text
    } catch (error) {
      const message = `failed to process arguments for platform ${platform}: ${(error as Error).message}`
      throw new DockerfileError(message, lines, { cause: error })
    }
    if (text !== '') return text
    throw new DockerfileError(`empty platform value from expression ${platform}`, lines)
  }
}

/** Throws invalidParameter for more than can be built. */
export function checkSteps(steps: number): void {
  if (steps > MAX_STEPS)
    throw invalidParameter(
      `a build of ${steps} instructions is more than the ${MAX_STEPS} supported`,
    )
}
