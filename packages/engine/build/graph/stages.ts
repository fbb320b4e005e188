/** Which stages a build needs, and what each begins with. */
import { invalidParameter } from '../../base/errors.ts'
import type { Dockerfile, Instruction, Stage } from '../dockerfile/instruction.ts'
import { expandWord } from '../dockerfile/words.ts'
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

/** Those that the target needs, in the order of the file. Throws invalidParameter. */
export function planStages(
  dockerfile: Dockerfile,
  globals: GlobalArgs,
  target: string,
): PlannedStage[] {
  const { stages, escape } = dockerfile
  const last = target === '' ? stages.length - 1 : findStage(stages, target, stages.length)
  if (last === undefined || last < 0)
    throw invalidParameter(`target stage ${JSON.stringify(target)} could not be found`)
  const environment = globals.environment()
  const expand = (word: string): string => {
    try {
      return expandWord(word, environment, escape).text
    } catch (error) {
      throw invalidParameter((error as Error).message, error)
    }
  }
  const planned = new Map<number, PlannedStage>()
  const need = (index: number): void => {
    if (planned.has(index)) return
    const stage = stages[index]!
    const name = expand(stage.base)
    if (name === '') throw invalidParameter(`base name (${stage.base}) should not be blank`)
    const base = stageNamed(stages, name, index) ?? name
    planned.set(index, { index, stage, base, platform: expand(stage.platform) })
    if (typeof base === 'number') need(base)
    for (const from of stage.instructions.flatMap(sourcesOf)) {
      const other = findStage(stages, from, index)
      if (other !== undefined) need(other)
    }
  }
  need(last)
  const steps = [...planned.values()].reduce((sum, { stage }) => sum + stage.instructions.length, 0)
  if (steps > MAX_STEPS)
    throw invalidParameter(`a build of ${steps} instructions is more than the ${MAX_STEPS} supported`)
  return [...planned.values()].toSorted((a, b) => a.index - b.index)
}

/** By name, or by its number, among those before `before`. */
export function findStage(
  stages: readonly Stage[],
  reference: string,
  before: number,
): number | undefined {
  const named = stageNamed(stages, reference, before)
  if (named !== undefined) return named
  const number = /^\d+$/.test(reference) ? Number(reference) : Number.NaN
  return number < before ? number : undefined
}

/** The last one of that name. */
function stageNamed(stages: readonly Stage[], name: string, before: number): number | undefined {
  const wanted = name.toLowerCase()
  for (let index = before - 1; index >= 0; index--)
    if (stages[index]!.name !== '' && stages[index]!.name === wanted) return index
  return undefined
}

/** What `COPY --from` and `RUN --mount=from=` name, as written. */
function sourcesOf(instruction: Instruction): string[] {
  if (instruction.kind === 'copy') return instruction.from === '' ? [] : [instruction.from]
  if (instruction.kind !== 'run') return []
  return instruction.mounts.flatMap((mount) => {
    const from = /(?:^|,)from=([^,]*)/.exec(mount)?.[1]
    return from === undefined || from === '' ? [] : [from]
  })
}
