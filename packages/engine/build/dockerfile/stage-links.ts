/** Which stages a stage needs. */
import { parseCsv } from './csv.ts'
import { type Dockerfile, DockerfileError, type Instruction, type Stage } from './instruction.ts'
import { didYouMean } from './suggest.ts'
import { type Environment, expandWord } from './words.ts'

export class StageLinks {
  readonly #stages: readonly Stage[]
  readonly #byName = new Map<string, number>()
  readonly #bases: ReadonlyArray<number | undefined>

  /** `env`: what FROM sees. Throws DockerfileError. */
  constructor({ stages, escape }: Dockerfile, env: Environment) {
    this.#stages = stages
    this.#bases = stages.map((stage, index) => {
      const { base, lines, name } = stage
      try {
        const found = this.#byName.get(expandWord(base, env, escape).text)
        if (name !== '') this.#byName.set(name, index)
        return found
      } catch (error) {
        throw new DockerfileError((error as Error).message, lines, { cause: error })
      }
    })
  }

  /** The stage that it begins with. */
  baseOf(index: number): number | undefined {
    return this.#bases[index]
  }

  /** The last stage without a name. Throws DockerfileError. */
  find(target: string): number {
    if (target === '') return this.#stages.length - 1
    const found = this.#byName.get(target.toLowerCase())
    if (found !== undefined) return found
    const names = this.#stages.map(({ name }, index) => name || `stage-${index}`)
    throw new DockerfileError(
      `target stage "${target}" could not be found${didYouMean(target, names)}`,
    )
  }

  /** With all that it needs, in the order of the file. */
  neededBy(target: number): number[] {
    const needed = new Set([target])
    for (const index of needed) {
      const base = this.#bases[index]
      if (base !== undefined) needed.add(base)
      for (const instruction of this.#stages[index]!.instructions) {
        for (const source of sourcesOf(instruction)) {
          const found = this.#source(source)
          if (found !== undefined) needed.add(found)
        }
      }
    }
    return [...needed].sort((a, b) => a - b)
  }

  #source(from: string): number | undefined {
    const index = /^\d+$/.test(from) ? Number(from) : this.#byName.get(from.toLowerCase())
    return index !== undefined && index < this.#stages.length ? index : undefined
  }
}

function sourcesOf(instruction: Instruction): string[] {
  if (instruction.kind === 'copy') return [instruction.from]
  return instruction.kind === 'run' ? instruction.mounts.map(mountSource) : []
}

/** What a mount's `from` says: there are no variables in it. */
function mountSource(mount: string): string {
  const field = parseCsv(mount, 'mounts').find((one) => /^from=/i.test(one))
  return field?.slice('from='.length) ?? ''
}
