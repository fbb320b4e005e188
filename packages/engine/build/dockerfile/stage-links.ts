/** Which stages a stage needs. */
import { parseCsv } from './csv.ts'
import { type Dockerfile, DockerfileError, type Instruction, type Stage } from './instruction.ts'
import { parseTrigger } from './parse-dockerfile.ts'
import { didYouMean } from './suggest.ts'
import { type Environment, type ExpandOptions, expandWord } from './words.ts'

/** A build of more instructions is refused anyway. */
const MAX_TRIGGERS = 1000

export class StageLinks {
  readonly #stages: readonly Stage[]
  /** Of a name used more than once all, in the order of the file. */
  readonly #byName = new Map<string, number[]>()
  readonly #triggers = new Map<number, readonly string[]>()
  readonly #bases: ReadonlyArray<{ name: string; stage: number | undefined }>

  /** `env`: what FROM sees. Throws DockerfileError. */
  constructor({ stages, escape }: Dockerfile, env: Environment, words: ExpandOptions = {}) {
    this.#stages = stages
    this.#bases = stages.map((stage, index) => {
      const { base, lines, name } = stage
      try {
        const expanded = expandWord(base, env, { ...words, escape }).text
        const found = this.named(expanded, index)
        this.#add(name, index)
        return { name: expanded, stage: found }
      } catch (error) {
        throw new DockerfileError((error as Error).message, lines, { cause: error })
      }
    })
  }

  #add(name: string, index: number): void {
    if (name === '') return
    const known = this.#byName.get(name)
    if (known) known.push(index)
    else this.#byName.set(name, [index])
  }

  /** The stage that it begins with; undefined for an image. */
  baseOf(index: number): number | undefined {
    return this.#bases[index]?.stage
  }

  /** What its FROM names, variables expanded. */
  baseName(index: number): string {
    return this.#bases[index]?.name ?? ''
  }

  /** By name alone; without one the last stage. Throws DockerfileError. */
  find(target: string): number {
    if (target === '') return this.#stages.length - 1
    const found = this.named(target)
    if (found !== undefined) return found
    const names = this.#stages.map(({ name }, index) => name || `stage-${index}`)
    throw new DockerfileError(
      `target stage "${target}" could not be found${didYouMean(target, names)}`,
    )
  }

  /** The last stage of that name among those before `before`. */
  named(name: string, before: number = this.#stages.length): number | undefined {
    return this.#byName.get(name.toLowerCase())?.findLast((index) => index < before)
  }

  /** What `--from` names in stage `before`: by name, or by number, a stage before it. */
  source(from: string, before: number): number | undefined {
    return this.named(from, before) ?? this.#numbered(from, before)
  }

  /** With all that it needs, in the order of the file. */
  neededBy(target: number): number[] {
    const needed = new Set([target])
    for (const index of needed) {
      const base = this.#bases[index]?.stage
      if (base !== undefined) needed.add(base)
      for (const from of this.#sourcesOf(index)) {
        const found = this.source(from, index)
        if (found !== undefined) needed.add(found)
      }
    }
    return [...needed].sort((a, b) => a - b)
  }

  #sourcesOf(index: number): string[] {
    const own = this.#stages[index]!.instructions.flatMap(sourcesOf)
    const base = this.#bases[index]?.stage
    return base === undefined ? own : [...this.#left(base), ...own]
  }

  /** What the triggers need that a stage leaves for those that begin with it. */
  #left(index: number): readonly string[] {
    const known = this.#triggers.get(index)
    if (known) return known
    const triggers = this.#stages[index]!.instructions.filter(({ kind }) => kind === 'onbuild')
    const sources = triggers.slice(0, MAX_TRIGGERS).flatMap(sourcesOfTrigger)
    this.#triggers.set(index, sources)
    return sources
  }

  #numbered(text: string, before: number): number | undefined {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
    return number < before ? number : undefined
  }
}

/** A broken trigger is told when its turn comes. */
function sourcesOfTrigger(trigger: Instruction): string[] {
  if (trigger.kind !== 'onbuild') return []
  try {
    return sourcesOf(parseTrigger(trigger.value, trigger.lines))
  } catch {
    return []
  }
}

/** What `COPY --from` and `RUN --mount=from=` name: there are no variables in it. */
export function sourcesOf(instruction: Instruction): string[] {
  if (instruction.kind === 'copy') return instruction.from === '' ? [] : [instruction.from]
  if (instruction.kind !== 'run') return []
  return instruction.mounts.map(mountSource).filter((from) => from !== '')
}

function mountSource(mount: string): string {
  const field = parseCsv(mount, 'mounts').find((one) => /^from=/i.test(one))
  return field?.slice('from='.length) ?? ''
}
